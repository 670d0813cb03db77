//! Variables and collections, as they stand left of a rule's operator.
//!
//! ModSecurity 3.0.13 has 106 names; those marked `V2` are of ModSecurity 2 alone.

use super::{
    Dialect::{V2, V3, V3Refuses},
    vocabulary,
};

/// Whether a variable holds one value or named members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One value; a selector (`REQUEST_METHOD:x`) is an error.
    Scalar,
    /// Named members, of which a selector takes some (`ARGS:x`, `XML:/*`).
    Collection,
}
use Shape::{Collection, Scalar};

vocabulary! {
    /// Variables and collections, as they stand left of a rule's operator.
    Variable {
        Args = "ARGS", V3, Collection;
        ArgsCombinedSize = "ARGS_COMBINED_SIZE", V3, Scalar;
        ArgsGet = "ARGS_GET", V3, Collection;
        ArgsGetNames = "ARGS_GET_NAMES", V3, Collection;
        ArgsNames = "ARGS_NAMES", V3, Collection;
        ArgsPost = "ARGS_POST", V3, Collection;
        ArgsPostNames = "ARGS_POST_NAMES", V3, Collection;
        AuthType = "AUTH_TYPE", V3, Scalar;
        Duration = "DURATION", V3, Scalar;
        Env = "ENV", V3, Collection;
        Files = "FILES", V3, Collection;
        FilesCombinedSize = "FILES_COMBINED_SIZE", V3, Scalar;
        FilesNames = "FILES_NAMES", V3, Collection;
        FilesSizes = "FILES_SIZES", V3, Collection;
        FilesTmpnames = "FILES_TMPNAMES", V3, Collection;
        FilesTmpContent = "FILES_TMP_CONTENT", V3, Collection;
        FullRequest = "FULL_REQUEST", V3, Scalar;
        FullRequestLength = "FULL_REQUEST_LENGTH", V3, Scalar;
        Geo = "GEO", V3, Collection;
        Global = "GLOBAL", V3, Collection;
        HighestSeverity = "HIGHEST_SEVERITY", V3, Scalar;
        InboundDataError = "INBOUND_DATA_ERROR", V3, Scalar;
        Ip = "IP", V3, Collection;
        MatchedVar = "MATCHED_VAR", V3, Scalar;
        MatchedVars = "MATCHED_VARS", V3, Collection;
        MatchedVarsNames = "MATCHED_VARS_NAMES", V3, Collection;
        MatchedVarName = "MATCHED_VAR_NAME", V3, Scalar;
        ModsecBuild = "MODSEC_BUILD", V3, Scalar;
        MscPcreError = "MSC_PCRE_ERROR", V3, Scalar;
        MscPcreLimitsExceeded = "MSC_PCRE_LIMITS_EXCEEDED", V3, Scalar;
        MultipartBoundaryQuoted = "MULTIPART_BOUNDARY_QUOTED", V3, Scalar;
        MultipartBoundaryWhitespace = "MULTIPART_BOUNDARY_WHITESPACE", V3, Scalar;
        MultipartCrlfLfLines = "MULTIPART_CRLF_LF_LINES", V3, Scalar;
        MultipartDataAfter = "MULTIPART_DATA_AFTER", V3, Scalar;
        MultipartDataBefore = "MULTIPART_DATA_BEFORE", V3, Scalar;
        MultipartFilename = "MULTIPART_FILENAME", V3, Collection;
        MultipartFileLimitExceeded = "MULTIPART_FILE_LIMIT_EXCEEDED", V3, Scalar;
        MultipartHeaderFolding = "MULTIPART_HEADER_FOLDING", V3, Scalar;
        MultipartInvalidHeaderFolding = "MULTIPART_INVALID_HEADER_FOLDING", V3, Scalar;
        MultipartInvalidPart = "MULTIPART_INVALID_PART", V3, Scalar;
        MultipartInvalidQuoting = "MULTIPART_INVALID_QUOTING", V3, Scalar;
        MultipartLfLine = "MULTIPART_LF_LINE", V3, Scalar;
        MultipartMissingSemicolon = "MULTIPART_MISSING_SEMICOLON", V3, Scalar;
        MultipartName = "MULTIPART_NAME", V3, Collection;
        MultipartPartHeaders = "MULTIPART_PART_HEADERS", V3, Collection;
        MultipartSemicolonMissing = "MULTIPART_SEMICOLON_MISSING", V3, Scalar;
        MultipartStrictError = "MULTIPART_STRICT_ERROR", V3, Scalar;
        MultipartUnmatchedBoundary = "MULTIPART_UNMATCHED_BOUNDARY", V3, Scalar;
        OutboundDataError = "OUTBOUND_DATA_ERROR", V3, Scalar;
        PathInfo = "PATH_INFO", V3, Scalar;
        PerfAll = "PERF_ALL", V2, Scalar;
        PerfCombined = "PERF_COMBINED", V2, Scalar;
        PerfGc = "PERF_GC", V2, Scalar;
        PerfLogging = "PERF_LOGGING", V2, Scalar;
        PerfPhase1 = "PERF_PHASE1", V2, Scalar;
        PerfPhase2 = "PERF_PHASE2", V2, Scalar;
        PerfPhase3 = "PERF_PHASE3", V2, Scalar;
        PerfPhase4 = "PERF_PHASE4", V2, Scalar;
        PerfPhase5 = "PERF_PHASE5", V2, Scalar;
        PerfRules = "PERF_RULES", V2, Collection;
        PerfSread = "PERF_SREAD", V2, Scalar;
        PerfSwrite = "PERF_SWRITE", V2, Scalar;
        QueryString = "QUERY_STRING", V3, Scalar;
        RemoteAddr = "REMOTE_ADDR", V3, Scalar;
        RemoteHost = "REMOTE_HOST", V3, Scalar;
        RemotePort = "REMOTE_PORT", V3, Scalar;
        RemoteUser = "REMOTE_USER", V3, Scalar;
        ReqbodyError = "REQBODY_ERROR", V3, Scalar;
        ReqbodyErrorMsg = "REQBODY_ERROR_MSG", V3, Scalar;
        ReqbodyProcessor = "REQBODY_PROCESSOR", V3, Scalar;
        ReqbodyProcessorError = "REQBODY_PROCESSOR_ERROR", V3, Scalar;
        ReqbodyProcessorErrorMsg = "REQBODY_PROCESSOR_ERROR_MSG", V3, Scalar;
        RequestBasename = "REQUEST_BASENAME", V3, Scalar;
        RequestBody = "REQUEST_BODY", V3, Scalar;
        RequestBodyLength = "REQUEST_BODY_LENGTH", V3, Scalar;
        RequestCookies = "REQUEST_COOKIES", V3, Collection;
        RequestCookiesNames = "REQUEST_COOKIES_NAMES", V3, Collection;
        RequestFilename = "REQUEST_FILENAME", V3, Scalar;
        RequestHeaders = "REQUEST_HEADERS", V3, Collection;
        RequestHeadersNames = "REQUEST_HEADERS_NAMES", V3, Collection;
        RequestLine = "REQUEST_LINE", V3, Scalar;
        RequestMethod = "REQUEST_METHOD", V3, Scalar;
        RequestProtocol = "REQUEST_PROTOCOL", V3, Scalar;
        RequestUri = "REQUEST_URI", V3, Scalar;
        RequestUriRaw = "REQUEST_URI_RAW", V3, Scalar;
        Resource = "RESOURCE", V3, Collection;
        ResponseBody = "RESPONSE_BODY", V3, Scalar;
        ResponseContentLength = "RESPONSE_CONTENT_LENGTH", V3, Scalar;
        ResponseContentType = "RESPONSE_CONTENT_TYPE", V3, Scalar;
        ResponseHeaders = "RESPONSE_HEADERS", V3, Collection;
        ResponseHeadersNames = "RESPONSE_HEADERS_NAMES", V3, Collection;
        ResponseProtocol = "RESPONSE_PROTOCOL", V3, Scalar;
        ResponseStatus = "RESPONSE_STATUS", V3, Scalar;
        Rule = "RULE", V3, Collection;
        ScriptBasename = "SCRIPT_BASENAME", V2, Scalar;
        ScriptFilename = "SCRIPT_FILENAME", V2, Scalar;
        ScriptGid = "SCRIPT_GID", V2, Scalar;
        ScriptGroupname = "SCRIPT_GROUPNAME", V2, Scalar;
        ScriptMode = "SCRIPT_MODE", V2, Scalar;
        ScriptUid = "SCRIPT_UID", V2, Scalar;
        ScriptUsername = "SCRIPT_USERNAME", V2, Scalar;
        SdbmDeleteError = "SDBM_DELETE_ERROR", V2, Scalar;
        ServerAddr = "SERVER_ADDR", V3, Scalar;
        ServerName = "SERVER_NAME", V3, Scalar;
        ServerPort = "SERVER_PORT", V3, Scalar;
        Session = "SESSION", V3, Collection;
        Sessionid = "SESSIONID", V3, Scalar;
        Status = "STATUS", V3, Scalar;
        StatusLine = "STATUS_LINE", V3, Scalar;
        StreamInputBody = "STREAM_INPUT_BODY", V2, Scalar;
        StreamOutputBody = "STREAM_OUTPUT_BODY", V2, Scalar;
        Time = "TIME", V3, Scalar;
        TimeDay = "TIME_DAY", V3, Scalar;
        TimeEpoch = "TIME_EPOCH", V3, Scalar;
        TimeHour = "TIME_HOUR", V3, Scalar;
        TimeMin = "TIME_MIN", V3, Scalar;
        TimeMon = "TIME_MON", V3, Scalar;
        TimeSec = "TIME_SEC", V3, Scalar;
        TimeWday = "TIME_WDAY", V3, Scalar;
        TimeYear = "TIME_YEAR", V3, Scalar;
        Tx = "TX", V3, Collection;
        UniqueId = "UNIQUE_ID", V3, Scalar;
        UrlencodedError = "URLENCODED_ERROR", V3, Scalar;
        User = "USER", V3, Collection;
        UseragentIp = "USERAGENT_IP", V2, Scalar;
        Userid = "USERID", V3, Scalar;
        Webappid = "WEBAPPID", V3, Scalar;
        WebserverErrorLog = "WEBSERVER_ERROR_LOG", V3Refuses, Scalar;
        Xml = "XML", V3, Collection;
    }
    /// Whether it holds one value or named members.
    shape: Shape
}
