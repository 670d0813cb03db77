//! Which route a request belongs to.
//!
//! The table is asked in its order and the first scope that fits wins; whoever makes the table puts the narrow before the wide. Hosts
//! are compared as they stand after normalisation (lower case, no port, no final dot), paths by whole segments.

/// What a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Host names in lower case, `*.example.com` for one label more; empty takes any host.
    pub hosts: Vec<String>,
    /// `/api` takes `/api`, `/api/` and `/api/x`, not `/apix`; `/` takes all.
    pub path_prefix: String,
}

/// Why a request belongs to no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No route takes the host: the request is misdirected (RFC 9110, section 15.5.20).
    Host,
    /// Routes take the host, none of them the path.
    Path,
}

/// Scopes in order of precedence.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    scopes: Vec<Scope>,
}

impl RouteTable {
    /// A table that is asked in the order given.
    #[must_use]
    pub fn new(scopes: Vec<Scope>) -> Self {
        Self { scopes }
    }

    /// Index of the first scope that takes the request.
    ///
    /// # Errors
    /// No scope takes it.
    pub fn find(&self, host: &str, path: &[u8]) -> Result<usize, NoRoute> {
        let mut host_known = false;
        for (index, scope) in self.scopes.iter().enumerate() {
            if scope.takes_host(host) {
                host_known = true;
                if scope.takes_path(path) {
                    return Ok(index);
                }
            }
        }
        Err(if host_known { NoRoute::Path } else { NoRoute::Host })
    }

    /// Indices of all scopes that take this host, whatever the path.
    pub fn all<'t>(&'t self, host: &'t str) -> impl Iterator<Item = usize> + 't {
        self.scopes
            .iter()
            .enumerate()
            .filter(move |(_, scope)| scope.takes_host(host))
            .map(|(index, _)| index)
    }

    /// Whether any scope takes this host, whatever the path.
    #[must_use]
    pub fn knows_host(&self, host: &str) -> bool {
        self.scopes.iter().any(|scope| scope.takes_host(host))
    }
}

impl Scope {
    fn takes_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| host_fits(pattern, host))
    }

    fn takes_path(&self, path: &[u8]) -> bool {
        let prefix = self.path_prefix.strip_suffix('/').unwrap_or(&self.path_prefix).as_bytes();
        path.strip_prefix(prefix).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }
}

/// `*.` stands for exactly one label, as in a certificate (RFC 9525, section 6.3).
fn host_fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(suffix) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == suffix),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(scopes: &[(&[&str], &str)]) -> RouteTable {
        let scope = |(hosts, prefix): &(&[&str], &str)| Scope {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path_prefix: (*prefix).to_owned(),
        };
        RouteTable::new(scopes.iter().map(scope).collect())
    }

    #[test]
    fn the_first_that_fits_wins() {
        let table = table(&[(&["a.test"], "/api"), (&["a.test"], "/"), (&["*.a.test"], "/"), (&[], "/open")]);
        for (host, path, found) in [
            ("a.test", "/api/x", Ok(0)),
            ("a.test", "/apix", Ok(1)),
            ("b.a.test", "/", Ok(2)),
            ("c.b.a.test", "/open", Ok(3)),
            ("c.b.a.test", "/", Err(NoRoute::Path)),
            ("", "/open/", Ok(3)),
        ] {
            assert_eq!(table.find(host, path.as_bytes()), found, "{host} {path}");
        }
    }

    #[test]
    fn a_host_nobody_takes_is_told_from_a_path_nobody_takes() {
        let table = table(&[(&["a.test"], "/api")]);
        assert_eq!(table.find("b.test", b"/api"), Err(NoRoute::Host));
        assert_eq!(table.find("a.test", b"/"), Err(NoRoute::Path));
        assert!(table.knows_host("a.test"));
        assert_eq!(table.all("a.test").collect::<Vec<_>>(), [0]);
        assert_eq!(table.all("b.test").count(), 0);
        assert!(!table.knows_host("b.test"));
        assert_eq!(RouteTable::default().find("a.test", b"/"), Err(NoRoute::Host));
    }

    #[test]
    fn a_wildcard_is_one_label() {
        for (pattern, host, fits) in [
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", ".a.test", false),
            ("*.a.test", "c.b.a.test", false),
            ("*.a.test", "ba.test", false),
            ("[::1]", "[::1]", true),
        ] {
            assert_eq!(host_fits(pattern, host), fits, "{pattern} {host}");
        }
    }

    #[test]
    fn prefixes_fit_whole_segments() {
        for (prefix, path, fits) in [
            ("/", "/", true),
            ("/", "/x", true),
            ("/", "*", false),
            ("/", "", true),
            ("/api", "/api", true),
            ("/api", "/api/", true),
            ("/api", "/apix", false),
            ("/api", "/API", false),
        ] {
            let scope = Scope { hosts: Vec::new(), path_prefix: prefix.to_owned() };
            assert_eq!(scope.takes_path(path.as_bytes()), fits, "{prefix} {path}");
        }
    }
}
