//! Regular expressions as ModSecurity means them: PCRE's dialect over bytes, on an engine that runs in linear time.
