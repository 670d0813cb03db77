//! A new register and its authority.

use time::{Duration, OffsetDateTime};

use crate::{
    Authority, Certificate, Fault, PkiError, Secrecy, Store, Subject,
    authority::Algorithm,
    identity::check_environment,
    key,
    moment::whole,
    register::{CA, CA_KEY, CRL, CUSTOMERS, FORMAT, REGISTER, Terms},
    trail,
};

/// What a new register is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewRegister<'a> {
    /// The environment that all its certificates are for.
    pub environment: &'a str,
    /// Kind of the authority's key.
    pub algorithm: Algorithm,
    /// How long the authority holds.
    pub lifetime: Duration,
    /// How long a customer's certificate holds unless asked otherwise.
    pub certificate_lifetime: Duration,
    /// How long one may hold at most.
    pub longest_certificate: Duration,
    /// How long a key may be in use.
    pub longest_key: Duration,
    /// How long a CRL holds.
    pub crl_lifetime: Duration,
    /// Encrypts the authority's key.
    pub passphrase: Option<&'a str>,
}

/// Makes a register. `register.toml` is written last: before that there is none, and what a killed process left is made anew. The key
/// goes to `keys` under `key_name` where it lives apart from the register, else into the register as `ca.key`.
///
/// # Errors
/// There is a register, or customers without one, or a key in the place where the new one would go.
pub fn init<S: Store>(
    mut store: S,
    keys: Option<(&mut dyn Store, &str)>,
    new: NewRegister<'_>,
    who: &str,
    now: OffsetDateTime,
) -> Result<Certificate, PkiError> {
    let now = whole(now);
    refuse_used(&store, keys.as_ref().map(|(keys, name)| (&**keys, *name)))?;
    if let Err(problem) = check_environment(new.environment) {
        return Err(PkiError::refused(
            format!("environment `{}` {problem}", new.environment),
            "name it with --env",
        ));
    }
    if new.longest_certificate < new.certificate_lifetime || new.lifetime < new.longest_certificate {
        return Err(PkiError::refused(
            "a certificate would hold longer than the longest may, or than its authority",
            "choose shorter certificates, or an authority that holds longer",
        ));
    }
    let step = trail::begin(&mut store, who, now, "authority.init", &[("environment", new.environment)])?;
    let name = format!("Portcullis client authority {}", new.environment);
    let subject = Subject { name: &name, now, lifetime: new.lifetime };
    let authority = Authority::create_for_clients(subject, new.algorithm)?;
    let plain = zeroize::Zeroizing::new(authority.key_pem());
    let sealed = match new.passphrase {
        Some(passphrase) => key::seal(&plain, passphrase).map_err(PkiError::Make)?,
        None => plain,
    };
    match keys {
        Some((keys, name)) => keys.write(name, &sealed, Secrecy::Private)?,
        None => store.write(CA_KEY, &sealed, Secrecy::Private)?,
    }
    store.write(CA, authority.certificate_pem(), Secrecy::Public)?;
    let number = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let list = authority.sign_crl(number, (now, now + new.crl_lifetime), std::iter::empty())?;
    store.write(CRL, &list, Secrecy::Public)?;
    let label = Terms {
        format: FORMAT,
        environment: new.environment.to_owned(),
        certificate_lifetime: new.certificate_lifetime,
        longest_certificate: new.longest_certificate,
        longest_key: new.longest_key,
        crl_lifetime: new.crl_lifetime,
    };
    store.write(REGISTER, &label.to_toml()?, Secrecy::Public)?;
    trail::done(&mut store, step)?;
    Ok(authority.certificate().clone())
}

/// What somebody relies on is not overwritten.
fn refuse_used(store: &dyn Store, keys: Option<(&dyn Store, &str)>) -> Result<(), PkiError> {
    if store.read(REGISTER)?.is_some() {
        let problem = "is there already: this directory has a register";
        return Err(Fault::new(store.place(REGISTER), problem)
            .remedy("name another directory with --pki-dir")
            .into());
    }
    if !store.list(CUSTOMERS)?.is_empty() {
        let remedy = "put register.toml back from a backup; a new authority would make all these certificates strangers";
        return Err(Fault::new(store.place(CUSTOMERS), "has customers, and register.toml is missing")
            .remedy(remedy)
            .into());
    }
    if let Some((keys, name)) = keys
        && keys.read(name)?.is_some()
    {
        let remedy =
            "name another file with --ca-key, or remove this one if `cert init` was cut short before";
        return Err(Fault::new(keys.place(name), "is there already").remedy(remedy).into());
    }
    Ok(())
}
