//! Transformations, as they stand after `t:`. ModSecurity 3.0.13 has 38 spellings.

use super::{Dialect::V3, vocabulary};

vocabulary! {
    /// Transformations, as they stand after `t:`.
    Transformation {
        Base64Decode = "base64Decode", V3, Transformation::Base64Decode;
        Base64DecodeExt = "base64DecodeExt", V3, Transformation::Base64DecodeExt;
        Base64Encode = "base64Encode", V3, Transformation::Base64Encode;
        CmdLine = "cmdLine", V3, Transformation::CmdLine;
        CompressWhitespace = "compressWhitespace", V3, Transformation::CompressWhitespace;
        CssDecode = "cssDecode", V3, Transformation::CssDecode;
        EscapeSeqDecode = "escapeSeqDecode", V3, Transformation::EscapeSeqDecode;
        HexDecode = "hexDecode", V3, Transformation::HexDecode;
        HexEncode = "hexEncode", V3, Transformation::HexEncode;
        HtmlEntityDecode = "htmlEntityDecode", V3, Transformation::HtmlEntityDecode;
        JsDecode = "jsDecode", V3, Transformation::JsDecode;
        Length = "length", V3, Transformation::Length;
        Lowercase = "lowercase", V3, Transformation::Lowercase;
        Md5 = "md5", V3, Transformation::Md5;
        None = "none", V3, Transformation::None;
        NormalisePath = "normalisePath", V3, Transformation::NormalizePath;
        NormalisePathWin = "normalisePathWin", V3, Transformation::NormalizePathWin;
        NormalizePath = "normalizePath", V3, Transformation::NormalizePath;
        NormalizePathWin = "normalizePathWin", V3, Transformation::NormalizePathWin;
        ParityEven7bit = "parityEven7bit", V3, Transformation::ParityEven7bit;
        ParityOdd7bit = "parityOdd7bit", V3, Transformation::ParityOdd7bit;
        ParityZero7bit = "parityZero7bit", V3, Transformation::ParityZero7bit;
        RemoveComments = "removeComments", V3, Transformation::RemoveComments;
        RemoveCommentsChar = "removeCommentsChar", V3, Transformation::RemoveCommentsChar;
        RemoveNulls = "removeNulls", V3, Transformation::RemoveNulls;
        RemoveWhitespace = "removeWhitespace", V3, Transformation::RemoveWhitespace;
        ReplaceComments = "replaceComments", V3, Transformation::ReplaceComments;
        ReplaceNulls = "replaceNulls", V3, Transformation::ReplaceNulls;
        Sha1 = "sha1", V3, Transformation::Sha1;
        SqlHexDecode = "sqlHexDecode", V3, Transformation::SqlHexDecode;
        Trim = "trim", V3, Transformation::Trim;
        TrimLeft = "trimLeft", V3, Transformation::TrimLeft;
        TrimRight = "trimRight", V3, Transformation::TrimRight;
        Uppercase = "uppercase", V3, Transformation::Uppercase;
        UrlDecode = "urlDecode", V3, Transformation::UrlDecode;
        UrlDecodeUni = "urlDecodeUni", V3, Transformation::UrlDecodeUni;
        UrlEncode = "urlEncode", V3, Transformation::UrlEncode;
        Utf8toUnicode = "utf8toUnicode", V3, Transformation::Utf8toUnicode;
    }
    /// The spelling under which it is implemented: `normalisePath` is `normalizePath`.
    canonical: Transformation
}
