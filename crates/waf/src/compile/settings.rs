//! Directives with plain arguments: one line each, honoured, accepted with a word on what takes its place, or refused with a reason.
//!
//! A later directive overrides an earlier one, but for lists. None is without effect silently.

use std::sync::Arc;

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{Loader, vocabulary::Setting as S};
use portcullis_transform::UnicodeMap;

use super::{Compiler, chains::Written};
use crate::{
    actions::ctl::{audit_engine, engine, on_off},
    codes,
    geo::GeoDatabase,
    ir::{LimitAction, Settings},
};

/// Reads the arguments into the settings, or says what they have to be.
type Honour = fn(&mut Settings, &Arguments<'_>) -> Result<(), String>;

enum Handling {
    Honoured(Honour),
    /// Accepted; what takes its place.
    Replaced(&'static str),
    /// Accepted when switched off; else refused: why.
    OffOnly(&'static str),
    /// Why not, and what to do instead.
    Refused(&'static str, &'static str),
}

use Handling::{Honoured, OffOnly, Refused, Replaced};

struct Line {
    setting: S,
    handling: Handling,
}

const fn line(setting: S, handling: Handling) -> Line {
    Line { setting, handling }
}

const AUDIT: &str = "where and how audit events are written is configured at the edge, in config.toml";
const FILES: &str = "uploads are inspected in memory, none is written to a disk";
const NO_HASHES: &str = "the edge does not rewrite pages to sign their links";
const LOOKUPS: &str = "the engine asks no other host while a request waits";
const REMOVE: &str = "remove it";
/// Page the recommended set-up of ModSecurity reads from `unicode.mapping`.
const CODE_PAGE: u32 = 20127;

const TABLE: &[Line] = &[
    line(
        S::SecArgumentSeparator,
        Honoured(|settings, arguments| {
            match *arguments.text()? {
                [byte] => settings.argument_separator = byte,
                _ => return Err("takes one character".to_owned()),
            }
            Ok(())
        }),
    ),
    line(
        S::SecArgumentsLimit,
        Honoured(|settings, arguments| {
            settings.arguments_limit = arguments.number()?;
            Ok(())
        }),
    ),
    line(
        S::SecAuditEngine,
        Honoured(|settings, arguments| {
            settings.audit_engine = audit_engine(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(S::SecAuditLog, Replaced(AUDIT)),
    line(S::SecAuditLog2, Replaced(AUDIT)),
    line(S::SecAuditLogDirMode, Replaced(AUDIT)),
    line(S::SecAuditLogFileMode, Replaced(AUDIT)),
    line(S::SecAuditLogFormat, Replaced(AUDIT)),
    line(
        S::SecAuditLogParts,
        Replaced("an audit event always has the same parts, and never a value of the request"),
    ),
    line(S::SecAuditLogPrefix, Replaced(AUDIT)),
    line(
        S::SecAuditLogRelevantStatus,
        Honoured(|settings, arguments| {
            let regex = arguments.compiler.regex(arguments.text()?, false, arguments.span)?;
            settings.audit_relevant_status = Some(regex);
            Ok(())
        }),
    ),
    line(S::SecAuditLogStorageDir, Replaced(AUDIT)),
    line(S::SecAuditLogType, Replaced(AUDIT)),
    line(S::SecCacheTransformations, Replaced("the engine decides itself what it keeps")),
    line(
        S::SecChrootDir,
        Refused("the process does not change its root", "use the service manager's sandbox"),
    ),
    line(
        S::SecCollectionTimeout,
        Honoured(|settings, arguments| {
            settings.collection_timeout = u64::try_from(arguments.number()?).unwrap_or(u64::MAX);
            Ok(())
        }),
    ),
    // Read by `signatures`.
    line(S::SecComponentSignature, Honoured(|_, arguments| arguments.text().map(|_| ()))),
    line(S::SecConnEngine, OffOnly("connections are limited at the edge")),
    line(
        S::SecConnReadStateLimit,
        Refused("connections are limited at the edge", "use the limits of config.toml"),
    ),
    line(
        S::SecConnWriteStateLimit,
        Refused("connections are limited at the edge", "use the limits of config.toml"),
    ),
    line(S::SecContentInjection, OffOnly("the edge does not rewrite answers")),
    line(
        S::SecCookieFormat,
        Honoured(|_, arguments| match arguments.text()? {
            b"0" => Ok(()),
            _ => Err("takes 0: cookies of RFC 2965 (format 1) are not read".to_owned()),
        }),
    ),
    line(
        S::SecCookieV0Separator,
        Honoured(|_, arguments| match arguments.text()? {
            b";" => Ok(()),
            _ => Err("takes ; only: nothing else separates cookies (RFC 6265, section 4.2.1)".to_owned()),
        }),
    ),
    line(S::SecDataDir, Replaced("persistent collections are kept in memory")),
    line(S::SecDebugLog, Replaced("the log is configured at the edge, in config.toml")),
    line(S::SecDebugLogLevel, Replaced("the log is configured at the edge, in config.toml")),
    line(
        S::SecDisableBackendCompression,
        Replaced("the edge asks for uncompressed answers where it inspects them"),
    ),
    line(
        S::SecGeoLookupDb,
        Honoured(|settings, arguments| {
            let (name, bytes) = arguments.file(&String::from_utf8_lossy(arguments.text()?))?;
            let database =
                GeoDatabase::read(bytes).map_err(|problem| format!("cannot use {name}: {problem}"))?;
            settings.geo = Some(Arc::new(database));
            Ok(())
        }),
    ),
    line(S::SecGsbLookupDb, Refused(LOOKUPS, REMOVE)),
    line(S::SecGuardianLog, Refused("rules start no programs", "read the audit log instead")),
    line(S::SecHashEngine, OffOnly(NO_HASHES)),
    line(S::SecHashKey, Refused(NO_HASHES, REMOVE)),
    line(S::SecHashMethodPm, Refused(NO_HASHES, REMOVE)),
    line(S::SecHashMethodRx, Refused(NO_HASHES, REMOVE)),
    line(S::SecHashParam, Refused(NO_HASHES, REMOVE)),
    line(S::SecHttpBlKey, Refused(LOOKUPS, REMOVE)),
    line(S::SecInterceptOnError, Replaced("an error of a rule never lets a request through")),
    line(S::SecParseXmlIntoArgs, OffOnly("XML is inspected by XML:/* and XML://@*")),
    line(
        S::SecPcreMatchLimit,
        Replaced("patterns run in linear time; the few that backtrack have a bound of their own"),
    ),
    line(
        S::SecPcreMatchLimitRecursion,
        Replaced("patterns run in linear time; the few that backtrack have a bound of their own"),
    ),
    line(S::SecRemoteRules, Refused("rules come from files only", "use `portcullis rules install`")),
    line(S::SecRemoteRulesFailAction, Replaced("rules come from files only")),
    line(
        S::SecRequestBodyAccess,
        Honoured(|settings, arguments| {
            settings.request_body_access = on_off(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(S::SecRequestBodyInMemoryLimit, Replaced(FILES)),
    line(
        S::SecRequestBodyJsonDepthLimit,
        Honoured(|settings, arguments| {
            settings.json_depth_limit = arguments.number()?;
            Ok(())
        }),
    ),
    line(
        S::SecRequestBodyLimit,
        Honoured(|settings, arguments| {
            settings.request_body_limit = arguments.number()?;
            Ok(())
        }),
    ),
    line(
        S::SecRequestBodyLimitAction,
        Honoured(|settings, arguments| {
            settings.request_body_limit_action = limit_action(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(
        S::SecRequestBodyNoFilesLimit,
        Honoured(|settings, arguments| {
            settings.request_body_no_files_limit = Some(arguments.number()?);
            Ok(())
        }),
    ),
    line(
        S::SecResponseBodyAccess,
        Honoured(|settings, arguments| {
            settings.response_body_access = on_off(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(
        S::SecResponseBodyLimit,
        Honoured(|settings, arguments| {
            settings.response_body_limit = arguments.number()?;
            Ok(())
        }),
    ),
    line(
        S::SecResponseBodyLimitAction,
        Honoured(|settings, arguments| {
            settings.response_body_limit_action = limit_action(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(
        S::SecResponseBodyMimeType,
        Honoured(|settings, arguments| {
            for text in arguments.texts {
                let types = text.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
                settings.response_body_mime_types.extend(types.map(|part| part.to_ascii_lowercase().into()));
            }
            Ok(())
        }),
    ),
    line(
        S::SecResponseBodyMimeTypesClear,
        Honoured(|settings, _| {
            settings.response_body_mime_types.clear();
            Ok(())
        }),
    ),
    line(
        S::SecRuleEngine,
        Honoured(|settings, arguments| {
            settings.engine = engine(arguments.text()?)?;
            Ok(())
        }),
    ),
    line(S::SecRuleInheritance, Replaced("all routes share one set of rules")),
    line(S::SecRulePerfTime, Replaced("read the edge's metrics instead")),
    line(S::SecRuleScript, Refused("rules start no programs", "write a SecRule")),
    line(
        S::SecSensorId,
        Honoured(|settings, arguments| {
            settings.sensor_id = arguments.text()?.into();
            Ok(())
        }),
    ),
    line(S::SecServerSignature, Replaced("the edge adds no Server field to hide behind")),
    line(S::SecStatusEngine, Replaced("nothing is reported to anybody")),
    line(S::SecStreamInBodyInspection, OffOnly("bodies are inspected whole")),
    line(S::SecStreamOutBodyInspection, OffOnly("bodies are inspected whole")),
    line(S::SecTmpDir, Replaced(FILES)),
    line(S::SecTmpSaveUploadedFiles, OffOnly(FILES)),
    line(
        S::SecUnicodeMapFile,
        Honoured(|settings, arguments| {
            settings.unicode_map = Some(arguments.unicode_map()?);
            Ok(())
        }),
    ),
    line(S::SecUploadDir, Replaced(FILES)),
    line(
        S::SecUploadFileLimit,
        Honoured(|settings, arguments| {
            settings.upload_file_limit = Some(arguments.number()?);
            Ok(())
        }),
    ),
    line(S::SecUploadFileMode, Replaced(FILES)),
    line(S::SecUploadKeepFiles, OffOnly(FILES)),
    line(
        S::SecWebAppId,
        Honoured(|settings, arguments| {
            settings.web_app_id = arguments.text()?.into();
            Ok(())
        }),
    ),
    line(S::SecXmlExternalEntity, OffOnly("external entities are how XML reads files that are not its own")),
];

/// Reads all settings, in order.
pub(super) fn read(compiler: &mut Compiler<'_>, written: &[Written]) -> Settings {
    let mut settings = Settings::default();
    // The first SecResponseBodyMimeType replaces the built-in list; further ones add to it (v3).
    if written.iter().any(|directive| directive.name == S::SecResponseBodyMimeType) {
        settings.response_body_mime_types.clear();
    }
    for directive in written {
        apply(compiler, &mut settings, directive);
    }
    settings
}

/// Values of `SecComponentSignature`.
pub(super) fn signatures(written: &[Written]) -> Vec<String> {
    written
        .iter()
        .filter(|directive| directive.name == S::SecComponentSignature)
        .flat_map(|directive| &directive.arguments)
        .map(|text| String::from_utf8_lossy(&text.value).into_owned())
        .collect()
}

fn apply(compiler: &mut Compiler<'_>, settings: &mut Settings, directive: &Written) {
    let name = directive.name.name();
    let Some(line) = TABLE.iter().find(|line| line.setting == directive.name) else { return };
    let texts: Vec<&[u8]> = directive.arguments.iter().map(|text| text.value.as_slice()).collect();
    match line.handling {
        Honoured(honour) => {
            let arguments = Arguments { compiler, span: directive.span, texts: &texts };
            if let Err(how) = honour(settings, &arguments) {
                let problem = Diagnostic::error(codes::SETTING_ARGUMENT, format!("{name} {how}"));
                compiler.report(problem.at(directive.span));
            }
        }
        Replaced(instead) => compiler.note_replaced(directive.span, name, instead),
        OffOnly(_) if texts.first().is_some_and(|text| text.eq_ignore_ascii_case(b"off")) => {}
        OffOnly(reason) => refuse(compiler, directive.span, name, reason, "write Off"),
        Refused(reason, instead) => refuse(compiler, directive.span, name, reason, instead),
    }
}

fn refuse(compiler: &mut Compiler<'_>, span: Span, name: &str, reason: &str, help: &str) {
    let problem = format!("{name} is not implemented: {reason}");
    compiler.report(Diagnostic::error(codes::SETTING, problem).at(span).help(help));
}

/// The arguments of one directive.
struct Arguments<'a> {
    compiler: &'a Compiler<'a>,
    span: Span,
    texts: &'a [&'a [u8]],
}

impl Arguments<'_> {
    fn text(&self) -> Result<&[u8], String> {
        self.texts.first().copied().ok_or_else(|| "needs an argument".to_owned())
    }

    fn number(&self) -> Result<usize, String> {
        let text = self.text()?.trim_ascii();
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| "takes a number".to_owned())
    }

    /// A file, named relative to the rule file: its full name and its bytes.
    fn file(&self, reference: &str) -> Result<(String, Vec<u8>), String> {
        let loader: &dyn Loader = self.compiler.loader;
        let name = loader.resolve(self.compiler.sources.name(self.span.source), reference);
        let bytes = loader.read(&name).map_err(|problem| format!("cannot read {name}: {problem}"))?;
        Ok((name, bytes))
    }

    /// `unicode.mapping 20127`, as two arguments or as one.
    fn unicode_map(&self) -> Result<UnicodeMap, String> {
        let joined = self.texts.join(&b' ');
        let mut words = joined.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let word = |word: Option<&[u8]>| word.map(|word| String::from_utf8_lossy(word).into_owned());
        let file = word(words.next()).ok_or_else(|| "needs a file and a code page".to_owned())?;
        let page = match word(words.next()) {
            None => CODE_PAGE,
            Some(page) => page.parse().map_err(|_| format!("takes a code page, not {page}"))?,
        };
        let (name, text) = self.file(&file)?;
        UnicodeMap::parse(&text, page).map_err(|problem| format!("cannot use {name}: {problem}"))
    }
}

fn limit_action(text: &[u8]) -> Result<LimitAction, String> {
    match text.to_ascii_lowercase().as_slice() {
        b"reject" => Ok(LimitAction::Reject),
        b"processpartial" => Ok(LimitAction::ProcessPartial),
        _ => Err("takes Reject or ProcessPartial".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_language_is_decided_once() {
        for setting in S::ALL {
            assert_eq!(TABLE.iter().filter(|line| line.setting == *setting).count(), 1, "{}", setting.name());
        }
    }
}
