//! What becomes of a client that renegotiates.
//!
//! Without a tie between the two handshakes an attacker puts his own bytes before those of a client (CVE-2009-3555). A library that is
//! any good sends no such hello; so a handshake is done by the library, its keys are taken out, and the hello is encrypted by them.

use std::{
    io::{self, Write as _},
    net::TcpStream,
};

use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
        OutboundPlainMessage,
    },
};

use super::{
    client::{ONLY_12, Terms},
    suites::Suite,
    wire::{self, ALERT, HANDSHAKE, Offer, SCHEMES, Server, TLS12},
};

/// RFC 5246, section 7.2.
const HANDSHAKE_FAILURE: u8 = 40;

/// What a server does when a client renegotiates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renegotiation {
    /// It will have none of it.
    Refused,
    /// It wants proof that both handshakes are of one connection (RFC 5746).
    Tied,
    /// It goes along without any.
    Insecure,
}

/// Renegotiates over TLS 1.2. `None` where no handshake of ours succeeds.
///
/// The request behind the hello draws an answer from a server that would say nothing to the hello alone.
pub(super) fn ask(server: &Server, request: &[u8]) -> io::Result<Option<Renegotiation>> {
    let terms = Terms { versions: ONLY_12, ..Terms::default() };
    let Some(talk) = terms.talk_openly(server)? else { return Ok(None) };
    let (connection, mut socket) = talk.apart();
    let Some(mut keys) = Keys::of(connection) else { return Ok(None) };
    let suites: Vec<u16> = Suite::all(TLS12).filter(|code| *code >= 0xc000).take(100).collect();
    let offer =
        Offer { version: TLS12, suites: &suites, groups: &[29, 23], schemes: &SCHEMES, compression: &[0] };
    for (kind, content) in [
        (ContentType::Handshake, wire::hello(&offer, &server.name)),
        (ContentType::ApplicationData, request.to_vec()),
    ] {
        let Some(sealed) = keys.seal(kind, &content) else { return Ok(None) };
        // It may have closed on the hello already, and have said why.
        if socket.write_all(&sealed).is_err() {
            break;
        }
    }
    Ok(Some(answer(&mut socket, &mut keys)))
}

fn answer(socket: &mut TcpStream, keys: &mut Keys) -> Renegotiation {
    let Ok((kind, mut content)) = wire::read_record(socket) else { return Renegotiation::Refused };
    match (kind, keys.open(kind, &mut content)) {
        (HANDSHAKE, _) => Renegotiation::Insecure,
        (ALERT, Some((_, HANDSHAKE_FAILURE))) => Renegotiation::Tied,
        _ => Renegotiation::Refused,
    }
}

/// Keys of a connection over TLS 1.2, both ways, each with the number of its next record.
struct Keys {
    ours: (Box<dyn MessageEncrypter>, u64),
    theirs: (Box<dyn MessageDecrypter>, u64),
}

impl Keys {
    fn of(connection: ClientConnection) -> Option<Self> {
        let Some(SupportedCipherSuite::Tls12(suite)) = connection.negotiated_cipher_suite() else {
            return None;
        };
        let secrets = connection.dangerous_extract_secrets().ok()?;
        // How much of the nonce comes from the handshake; the rest of it is said with each record.
        let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
        let (key, iv) = parts(secrets.tx.1)?;
        let (nonce, explicit) = iv.as_ref().split_at_checked(fixed)?;
        let ours = (suite.aead_alg.encrypter(key, nonce, explicit), secrets.tx.0);
        let (key, iv) = parts(secrets.rx.1)?;
        let theirs = (suite.aead_alg.decrypter(key, iv.as_ref().get(..fixed)?), secrets.rx.0);
        Some(Self { ours, theirs })
    }

    fn seal(&mut self, kind: ContentType, content: &[u8]) -> Option<Vec<u8>> {
        let plain = OutboundPlainMessage {
            typ: kind,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        let (encrypter, number) = &mut self.ours;
        let sealed = encrypter.encrypt(plain, *number).ok()?;
        *number += 1;
        Some(sealed.encode())
    }

    /// The two bytes of an alert.
    fn open(&mut self, kind: u8, content: &mut [u8]) -> Option<(u8, u8)> {
        let sealed = InboundOpaqueMessage::new(ContentType::from(kind), ProtocolVersion::TLSv1_2, content);
        let (decrypter, number) = &mut self.theirs;
        match decrypter.decrypt(sealed, *number).ok()?.payload {
            [level, code] => Some((*level, *code)),
            _ => None,
        }
    }
}

fn parts(secrets: ConnectionTrafficSecrets) -> Option<(AeadKey, Iv)> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Some((key, iv)),
        _ => None,
    }
}
