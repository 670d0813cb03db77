//! What the directives without a grammar of their own say.

use std::sync::Arc;

use portcullis_transform::UnicodeMap;

use super::Regex;
use crate::{geo::GeoDatabase, transaction::Mode};

/// What happens to a body beyond its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitAction {
    /// The message is refused.
    Reject,
    /// What is within the limit is inspected.
    ProcessPartial,
}

/// `SecAuditEngine`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditEngine {
    /// Every transaction.
    On,
    /// None.
    Off,
    /// Those with a matched rule that has `auditlog`, a relevant status or an enforced refusal.
    RelevantOnly,
}

/// Settings of a program. Defaults are ours where ModSecurity's would leave the engine off: a rule tree that says nothing is enforced.
#[derive(Debug)]
pub struct Settings {
    /// `SecRuleEngine`; `On` when nothing is said (ModSecurity: off).
    pub engine: Mode,
    /// `SecRequestBodyAccess`; on when nothing is said (ModSecurity: off).
    pub request_body_access: bool,
    /// `SecRequestBodyLimit`, bytes
    pub request_body_limit: usize,
    /// `SecRequestBodyLimitAction`
    pub request_body_limit_action: LimitAction,
    /// `SecRequestBodyNoFilesLimit`, bytes
    pub request_body_no_files_limit: Option<usize>,
    /// `SecRequestBodyJsonDepthLimit`
    pub json_depth_limit: usize,
    /// `SecArgumentsLimit`
    pub arguments_limit: usize,
    /// `SecUploadFileLimit`
    pub upload_file_limit: Option<usize>,
    /// `SecResponseBodyAccess`
    pub response_body_access: bool,
    /// `SecResponseBodyLimit`, bytes
    pub response_body_limit: usize,
    /// `SecResponseBodyLimitAction`
    pub response_body_limit_action: LimitAction,
    /// `SecResponseBodyMimeType`, lower case
    pub response_body_mime_types: Vec<Box<[u8]>>,
    /// `SecAuditEngine`; `RelevantOnly` when nothing is said (ModSecurity: off).
    pub audit_engine: AuditEngine,
    /// `SecAuditLogRelevantStatus`
    pub audit_relevant_status: Option<Regex>,
    /// `SecArgumentSeparator`
    pub argument_separator: u8,
    /// `SecUnicodeMapFile`
    pub unicode_map: Option<UnicodeMap>,
    /// `SecGeoLookupDb`
    pub geo: Option<Arc<GeoDatabase>>,
    /// `SecCollectionTimeout`, seconds
    pub collection_timeout: u64,
    /// `SecWebAppId`
    pub web_app_id: Box<[u8]>,
    /// `SecSensorId`
    pub sensor_id: Box<[u8]>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: Mode::Block,
            request_body_access: true,
            request_body_limit: 134_217_728,
            request_body_limit_action: LimitAction::Reject,
            request_body_no_files_limit: None,
            json_depth_limit: 512,
            arguments_limit: 1000,
            upload_file_limit: None,
            response_body_access: false,
            response_body_limit: 524_288,
            response_body_limit_action: LimitAction::ProcessPartial,
            response_body_mime_types: vec![b"text/plain"[..].into(), b"text/html"[..].into()],
            audit_engine: AuditEngine::RelevantOnly,
            audit_relevant_status: None,
            argument_separator: b'&',
            unicode_map: None,
            geo: None,
            collection_timeout: 3600,
            web_app_id: b"default"[..].into(),
            sensor_id: Box::default(),
        }
    }
}
