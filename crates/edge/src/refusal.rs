//! The closed list of why something is not served: one line in one table, with the name that logs and metrics use and the status.
//!
//! A request or connection that is refused has exactly one of these, in its record and in `portcullis_refusals_total`; whoever adds one
//! cannot forget either, as both go by this table. Only [`crate::answer`] turns one into bytes.

use portcullis_waf::{Disposition, Intervention};

use crate::limits::Exceeding;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($held:ty))? => $reason:literal, $status:literal;)*) => {
        /// Why a request or a connection is not served.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Refusal {
            $($(#[$doc])* $name $(($held))?,)*
        }

        impl Refusal {
            /// Every reason there is; each has its counter from the start.
            pub(crate) const REASONS: &[&str] = &[$($reason),*];

            fn row(&self) -> (&'static str, u16) {
                match self {
                    $(Self::$name $((refusals!(@any $held)))? => ($reason, $status),)*
                }
            }
        }
    };
    (@any $held:ty) => { _ };
}

// Status zero: nobody is there to be answered, or nothing was asked yet.
refusals! {
    // Before a head was read.
    ConnectionLimit => "connection_limit", 0;
    ProxyHeaderTimeout => "proxy_header_timeout", 0;
    BadProxyHeader => "bad_proxy_header", 0;
    AddressLimit => "address_limit", 0;
    HandshakeTimeout => "handshake_timeout", 0;
    HandshakeFailed => "handshake_failed", 0;
    // The client's certificate: at a handshake as an alert, later as an answer.
    CertificateMissing => "certificate_missing", 401;
    CertificateInvalid => "certificate_invalid", 403;
    CertificateUnknown => "certificate_unknown_authority", 403;
    CertificateExpired => "certificate_expired", 403;
    CertificateNotYetValid => "certificate_not_yet_valid", 403;
    CertificateNotForClients => "certificate_not_for_clients", 403;
    CertificateRevoked => "certificate_revoked", 403;
    CertificateOtherEnvironment => "certificate_other_environment", 403;
    CertificateNameless => "certificate_nameless", 403;
    CertificateUnregistered => "certificate_unregistered", 403;
    CertificateTrustLost => "certificate_trust_lost", 503;
    CustomerUnknown => "customer_unknown", 403;
    CustomerSuspended => "customer_suspended", 403;
    CustomerOffboarded => "customer_offboarded", 403;
    HeadTimeout => "head_timeout", 408;
    // The head.
    HeadTooLarge => "head_too_large", 431;
    TooManyFields => "too_many_fields", 431;
    FieldTooLarge => "field_too_large", 431;
    TargetTooLong => "target_too_long", 414;
    BadRequestLine => "bad_request_line", 400;
    BadLineEnd => "bad_line_end", 400;
    BadTarget => "bad_target", 400;
    BadField => "bad_field", 400;
    BadHost => "bad_host", 400;
    BadFraming => "bad_framing", 400;
    BadUpgrade => "bad_upgrade", 400;
    UnknownWebsocketVersion => "unknown_websocket_version", 426;
    UnknownVersion => "unknown_version", 505;
    UnknownTransferCoding => "unknown_transfer_coding", 501;
    Http2StreamError => "h2_stream_error", 0;
    Http2ConnectionError => "h2_connection_error", 0;
    Http2Flood => "h2_flood", 0;
    ParsersDisagree => "parsers_disagree", 400;
    // Admission.
    MethodNotAllowed => "method_not_allowed", 405;
    UnknownHost => "unknown_host", 421;
    Misdirected => "misdirected", 421;
    CustomerPolicy => "customer_policy", 503;
    CustomerNotAllowed => "customer_not_allowed", 403;
    UnknownPath => "unknown_path", 404;
    AddressDenied => "address_denied", 403;
    AddressNotAllowed => "address_not_allowed", 403;
    CustomerAddress => "customer_address", 403;
    UnmetExpectation => "unmet_expectation", 417;
    // Load and limits.
    Shed => "shed", 503;
    RateLimited(Box<Exceeding>) => "rate_limit", 429;
    CustomerRateLimited(Box<Exceeding>) => "customer_rate_limit", 429;
    TooManyAtOnce(Box<Exceeding>) => "concurrency_limit", 429;
    LimitStoreAway => "limit_store_away", 503;
    // The body.
    BodyTooLarge => "body_too_large", 413;
    BodyTimeout => "body_timeout", 408;
    BadBody => "bad_body", 400;
    Overloaded => "overloaded", 503;
    // The rules.
    Rules(Intervention) => "waf", 403;
    WorkBudget => "work_budget", 403;
    EnginePanic => "engine_panic", 500;
    AnswerTooLong => "answer_too_long", 502;
    // The backend.
    UpstreamUnresolved => "upstream_unresolved", 502;
    UpstreamConnect => "upstream_connect", 502;
    UpstreamTls => "upstream_tls", 502;
    UpstreamTimeout => "upstream_timeout", 504;
    UpstreamReset => "upstream_reset", 502;
    UpstreamAnswer => "upstream_answer", 502;
    // On the way back; an answer that has begun cannot be taken back.
    AnswerTimeout => "answer_timeout", 504;
    SlowReader => "slow_reader", 0;
    // Neither side's fault, or no one left to tell.
    ClientGone => "client_gone", 0;
    Internal => "internal", 500;
}

impl Refusal {
    /// Its name in logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        self.row().0
    }

    /// Status of the answer; zero where there is none.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Rules(Intervention { disposition, .. }) => match disposition {
                Disposition::Deny(status) | Disposition::Redirect(status, _) => *status,
                Disposition::Drop => 0,
            },
            refusal => refusal.row().1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_a_word_of_its_own() {
        let distinct: BTreeSet<&str> = Refusal::REASONS.iter().copied().collect();
        assert_eq!(distinct.len(), Refusal::REASONS.len());
        for reason in distinct {
            assert!(
                reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{reason}"
            );
        }
        assert!(Refusal::REASONS.contains(&Refusal::Internal.reason()));
    }
}
