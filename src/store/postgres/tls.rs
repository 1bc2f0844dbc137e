//! Encryption of connections, and verification of servers.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// How a server is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verification {
    /// Not at all, and nothing is encrypted.
    NoTls,
    /// Encrypted, with any server.
    Unverified,
    /// By its certificate, which names the host.
    Verified {
        /// A file with the certificates that are trusted [default: those of Mozilla].
        root: Option<String>,
    },
}

impl Verification {
    /// Returns what encrypts connections; `None` if nothing does.
    pub(super) fn connector(&self) -> Result<Option<MakeRustlsConnect>> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::invalid("cannot set up TLS").with_source(cause))?;
        let config = match self {
            Verification::NoTls => return Ok(None),
            Verification::Unverified => config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer(provider))),
            Verification::Verified { root } => {
                config.with_root_certificates(roots(root.as_deref())?)
            }
        };
        Ok(Some(MakeRustlsConnect::new(config.with_no_client_auth())))
    }
}

fn roots(file: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let failed = || Error::invalid(format!("cannot read certificates from {file:?}"));
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|cause| failed().with_source(cause))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|cause| failed().with_source(cause))?;
        let added = roots.add(certificate);
        added.map_err(|cause| failed().with_source(cause))?;
    }
    match roots.is_empty() {
        true => Err(failed()),
        false => Ok(roots),
    }
}

/// Accepts every certificate, if its key has signed the handshake.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
