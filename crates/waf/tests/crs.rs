//! The OWASP Core Rule Set, unmodified: it compiles, lets an ordinary request pass and refuses attacks.

mod support;

use std::{path::Path, sync::Arc};

use portcullis_waf::{Disposition, Header, Intervention, Mode, Program, Verdict};
use support::{Disk, Request, begin, compile, run_request};

const ENGINE: &str = "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n";

fn crs4() -> Option<Arc<Program>> {
    let root = portcullis_vectors::data("crs/4.28.0")?;
    let root = root.to_str().unwrap();
    let text = format!("{ENGINE}Include {root}/crs-setup.conf.example\nInclude {root}/rules/*.conf\n");
    Some(load(&text, "OWASP_CRS/4.28.0", 630))
}

/// Debian's package, where it is installed.
fn crs3() -> Option<Arc<Program>> {
    let rules = "/usr/share/modsecurity-crs/rules";
    let setup = "/etc/modsecurity/crs/crs-setup.conf";
    if !Path::new(rules).exists() || !Path::new(setup).exists() {
        eprintln!("NOT RUN: the Debian package modsecurity-crs is not installed");
        return None;
    }
    let text = format!("{ENGINE}Include {setup}\nInclude {rules}/*.conf\n");
    Some(load(&text, "OWASP_CRS/3.3.4", 600))
}

fn load(text: &str, signature: &str, least: usize) -> Arc<Program> {
    let (program, drawn) = compile(text, &Disk).unwrap_or_else(|drawn| panic!("{drawn}"));
    assert!(program.facts().rules >= least, "{} rules", program.facts().rules);
    assert!(program.facts().signatures.iter().any(|known| known == signature), "{drawn}");
    program
}

const BROWSER: [(&str, &str); 4] = [
    ("Host", "shop.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml"),
    ("Accept-Language", "en-GB,en;q=0.5"),
];

fn verdict(program: &Arc<Program>, method: &str, target: &str, more: &[(&str, &str)], body: &str) -> Verdict {
    let length = body.len().to_string();
    let mut fields: Vec<(&str, &str)> = BROWSER.to_vec();
    fields.extend(more);
    if !body.is_empty() {
        fields.push(("Content-Length", &length));
    }
    let headers = fields
        .iter()
        .map(|(name, value)| Header { name: name.as_bytes(), value: value.as_bytes() })
        .collect();
    let request = Request {
        method: method.as_bytes(),
        target: target.as_bytes(),
        protocol: b"HTTP/1.1",
        headers,
        body: body.as_bytes(),
    };
    run_request(&mut begin(program, Mode::Block), &request)
}

fn refused_by(rule: u64) -> Verdict {
    Verdict::Intervene(Intervention { rule, phase: 2, disposition: Disposition::Deny(403) })
}

fn behaves(program: &Arc<Program>) {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = ("Content-Type", "application/json");
    assert_eq!(verdict(program, "GET", "/", &[], ""), Verdict::Pass);
    assert_eq!(verdict(program, "GET", "/shop?page=2&q=red+shoes", &[], ""), Verdict::Pass);
    assert_eq!(verdict(program, "POST", "/login", &[form], "user=alice&remember=yes"), Verdict::Pass);
    assert_eq!(
        verdict(program, "POST", "/api", &[json], r#"{"items":[{"name":"shoe","price":12}]}"#),
        Verdict::Pass
    );
    for target in [
        "/?q=<script>alert(1)</script>",
        "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/?id=1'%20OR%20'1'='1'--%20",
        "/?id=1%20UNION%20SELECT%20user,password%20FROM%20mysql.user",
        "/?file=../../../../etc/passwd",
        "/?cmd=;cat%20/etc/passwd",
    ] {
        assert_eq!(verdict(program, "GET", target, &[], ""), refused_by(949_110), "{target}");
    }
    let attack = "1' UNION SELECT password FROM users-- ";
    assert_eq!(verdict(program, "POST", "/", &[form], &format!("id={attack}")), refused_by(949_110));
    assert_eq!(
        verdict(program, "POST", "/", &[json], &format!(r#"{{"id":"{attack}"}}"#)),
        refused_by(949_110)
    );
    assert_eq!(
        verdict(program, "GET", "/", &[("Cookie", "a=<script>alert(1)</script>")], ""),
        refused_by(949_110)
    );
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n<script>alert(1)</script>\r\n--x--\r\n";
    assert_eq!(
        verdict(program, "POST", "/", &[("Content-Type", "multipart/form-data; boundary=x")], multipart),
        refused_by(949_110)
    );
}

#[test]
fn crs_4_lets_pass_and_refuses() {
    if let Some(program) = crs4() {
        behaves(&program);
    }
}

#[test]
fn crs_3_lets_pass_and_refuses() {
    if let Some(program) = crs3() {
        behaves(&program);
    }
}
