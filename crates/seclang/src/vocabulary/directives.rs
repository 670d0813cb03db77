//! Directives with plain arguments; those with a grammar of their own are variants of `ast::DirectiveKind`.
//!
//! ModSecurity 3.0.13 has 81 directives, twelve of them with a grammar of their own. The numbers of arguments are those of ModSecurity 2,
//! whose table states them.

use super::{
    Dialect::{Coraza, V3, V3Later, V3Refuses},
    vocabulary,
};

/// How many arguments a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arity {
    /// At least so many.
    pub least: u8,
    /// At most so many.
    pub most: u8,
}

const NONE: Arity = Arity { least: 0, most: 0 };
const ONE: Arity = Arity { least: 1, most: 1 };
const ONE_OR_TWO: Arity = Arity { least: 1, most: 2 };
const TWO: Arity = Arity { least: 2, most: 2 };
const TWO_OR_THREE: Arity = Arity { least: 2, most: 3 };
const MANY: Arity = Arity { least: 1, most: u8::MAX };

vocabulary! {
    /// Directives with plain arguments; those with a grammar of their own are variants of `ast::DirectiveKind`.
    Setting {
        SecArgumentSeparator = "SecArgumentSeparator", V3, ONE;
        SecArgumentsLimit = "SecArgumentsLimit", V3, ONE;
        SecAuditEngine = "SecAuditEngine", V3, ONE;
        SecAuditLog = "SecAuditLog", V3, ONE;
        SecAuditLog2 = "SecAuditLog2", V3, ONE;
        SecAuditLogDirMode = "SecAuditLogDirMode", V3, ONE;
        SecAuditLogFileMode = "SecAuditLogFileMode", V3, ONE;
        SecAuditLogFormat = "SecAuditLogFormat", V3, ONE;
        SecAuditLogParts = "SecAuditLogParts", V3, ONE;
        SecAuditLogPrefix = "SecAuditLogPrefix", Coraza, ONE;
        SecAuditLogRelevantStatus = "SecAuditLogRelevantStatus", V3, ONE;
        SecAuditLogStorageDir = "SecAuditLogStorageDir", V3, ONE;
        SecAuditLogType = "SecAuditLogType", V3, ONE;
        SecCacheTransformations = "SecCacheTransformations", V3Refuses, ONE_OR_TWO;
        SecChrootDir = "SecChrootDir", V3Refuses, ONE;
        SecCollectionTimeout = "SecCollectionTimeout", V3, ONE;
        SecComponentSignature = "SecComponentSignature", V3, ONE;
        SecConnEngine = "SecConnEngine", V3Refuses, ONE;
        SecConnReadStateLimit = "SecConnReadStateLimit", V3Refuses, ONE_OR_TWO;
        SecConnWriteStateLimit = "SecConnWriteStateLimit", V3Refuses, ONE_OR_TWO;
        SecContentInjection = "SecContentInjection", V3Refuses, ONE;
        SecCookieFormat = "SecCookieFormat", V3, ONE;
        SecCookieV0Separator = "SecCookieV0Separator", V3, ONE;
        SecDataDir = "SecDataDir", V3, ONE;
        SecDebugLog = "SecDebugLog", V3, ONE;
        SecDebugLogLevel = "SecDebugLogLevel", V3, ONE;
        SecDisableBackendCompression = "SecDisableBackendCompression", V3Refuses, ONE;
        SecGeoLookupDb = "SecGeoLookupDb", V3, ONE;
        SecGsbLookupDb = "SecGsbLookupDb", V3Refuses, ONE;
        SecGuardianLog = "SecGuardianLog", V3Refuses, ONE_OR_TWO;
        SecHashEngine = "SecHashEngine", V3Refuses, ONE;
        SecHashKey = "SecHashKey", V3Refuses, TWO;
        SecHashMethodPm = "SecHashMethodPm", V3Refuses, TWO;
        SecHashMethodRx = "SecHashMethodRx", V3Refuses, TWO;
        SecHashParam = "SecHashParam", V3Refuses, ONE;
        SecHttpBlKey = "SecHttpBlKey", V3, ONE;
        SecInterceptOnError = "SecInterceptOnError", V3Refuses, ONE;
        SecParseXmlIntoArgs = "SecParseXmlIntoArgs", V3Later, ONE;
        SecPcreMatchLimit = "SecPcreMatchLimit", V3, ONE;
        SecPcreMatchLimitRecursion = "SecPcreMatchLimitRecursion", V3, ONE;
        SecRemoteRules = "SecRemoteRules", V3, TWO_OR_THREE;
        SecRemoteRulesFailAction = "SecRemoteRulesFailAction", V3, ONE;
        SecRequestBodyAccess = "SecRequestBodyAccess", V3, ONE;
        SecRequestBodyInMemoryLimit = "SecRequestBodyInMemoryLimit", V3, ONE;
        SecRequestBodyJsonDepthLimit = "SecRequestBodyJsonDepthLimit", V3, ONE;
        SecRequestBodyLimit = "SecRequestBodyLimit", V3, ONE;
        SecRequestBodyLimitAction = "SecRequestBodyLimitAction", V3, ONE;
        SecRequestBodyNoFilesLimit = "SecRequestBodyNoFilesLimit", V3, ONE;
        SecResponseBodyAccess = "SecResponseBodyAccess", V3, ONE;
        SecResponseBodyLimit = "SecResponseBodyLimit", V3, ONE;
        SecResponseBodyLimitAction = "SecResponseBodyLimitAction", V3, ONE;
        SecResponseBodyMimeType = "SecResponseBodyMimeType", V3, MANY;
        SecResponseBodyMimeTypesClear = "SecResponseBodyMimeTypesClear", V3, NONE;
        SecRuleEngine = "SecRuleEngine", V3, ONE;
        SecRuleInheritance = "SecRuleInheritance", V3Refuses, ONE;
        SecRulePerfTime = "SecRulePerfTime", V3Refuses, ONE;
        SecRuleScript = "SecRuleScript", V3, ONE_OR_TWO;
        SecSensorId = "SecSensorId", V3Refuses, ONE;
        SecServerSignature = "SecServerSignature", V3Refuses, ONE;
        SecStatusEngine = "SecStatusEngine", V3, ONE;
        SecStreamInBodyInspection = "SecStreamInBodyInspection", V3Refuses, ONE;
        SecStreamOutBodyInspection = "SecStreamOutBodyInspection", V3Refuses, ONE;
        SecTmpDir = "SecTmpDir", V3, ONE;
        SecTmpSaveUploadedFiles = "SecTmpSaveUploadedFiles", V3, ONE;
        SecUnicodeMapFile = "SecUnicodeMapFile", V3, ONE_OR_TWO;
        SecUploadDir = "SecUploadDir", V3, ONE;
        SecUploadFileLimit = "SecUploadFileLimit", V3, ONE;
        SecUploadFileMode = "SecUploadFileMode", V3, ONE;
        SecUploadKeepFiles = "SecUploadKeepFiles", V3, ONE;
        SecWebAppId = "SecWebAppId", V3, ONE;
        SecXmlExternalEntity = "SecXmlExternalEntity", V3, ONE;
    }
    /// How many arguments it takes.
    arity: Arity
}
