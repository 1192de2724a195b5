//! Encrypted connections, as `sslmode` says.

/// What is checked in the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing: anybody in between can pose as the server.
    Nothing,
    /// That a trusted authority signed it.
    Signature,
    /// And that it is for this host.
    SignatureAndName,
}

/// Files with certificates, in PEM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    /// The trusted authorities; or `system`.
    pub(crate) roots: Option<String>,
    /// This program's own certificate, and its key.
    pub(crate) own: Option<String>,
    pub(crate) key: Option<String>,
}

#[cfg(feature = "tls")]
pub(crate) use with_rustls::Tls;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Tls;

#[cfg(not(feature = "tls"))]
mod without {
    use tokio_postgres::NoTls;

    use super::{Certificates, Check};

    #[derive(Clone)]
    pub(crate) struct Tls;

    impl Tls {
        pub(crate) const IS_BUILT_IN: bool = false;

        pub(crate) fn none() -> Self {
            Self
        }

        pub(crate) fn new(_: Check, _: &Certificates) -> Result<Self, String> {
            Err("its sslmode needs the feature tls of housekey-postgres".to_owned())
        }

        pub(crate) fn connector(&self) -> NoTls {
            NoTls
        }
    }
}

#[cfg(feature = "tls")]
mod with_rustls {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
        SignatureScheme,
    };
    use tokio_postgres_rustls::MakeRustlsConnect;

    use super::{Certificates, Check};

    /// Encrypts connections.
    #[derive(Clone)]
    pub(crate) struct Tls(MakeRustlsConnect);

    impl Tls {
        pub(crate) const IS_BUILT_IN: bool = true;

        /// For unencrypted connections: it is never asked.
        pub(crate) fn none() -> Self {
            Self::new(Check::Nothing, &Certificates::default()).expect("it reads no files")
        }

        /// An error says which file is wrong.
        pub(crate) fn new(check: Check, certificates: &Certificates) -> Result<Self, String> {
            let provider = Arc::new(ring::default_provider());
            let verifier: Arc<dyn ServerCertVerifier> = match check {
                Check::Nothing => Arc::new(Unchecked(Arc::clone(&provider))),
                Check::Signature => Arc::new(AnyName(verifier(certificates, &provider)?)),
                Check::SignatureAndName => verifier(certificates, &provider)?,
            };
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .dangerous()
                .with_custom_certificate_verifier(verifier);
            let mut config = match (&certificates.own, &certificates.key) {
                (None, None) => config.with_no_client_auth(),
                (Some(own), Some(key)) => {
                    let own = read_certificates("sslcert", own)?;
                    let key = PrivateKeyDer::from_pem_file(key)
                        .map_err(|error| format!("sslkey: the file cannot be read ({error})"))?;
                    let config = config.with_client_auth_cert(own, key);
                    config.map_err(|error| format!("sslcert and sslkey: {error}"))?
                }
                _ => return Err("sslcert and sslkey belong together".to_owned()),
            };
            // For `sslnegotiation=direct`; the server ignores it otherwise.
            config.alpn_protocols = vec![b"postgresql".to_vec()];
            Ok(Self(MakeRustlsConnect::new(config)))
        }

        pub(crate) fn connector(&self) -> MakeRustlsConnect {
            self.0.clone()
        }
    }

    fn verifier(
        certificates: &Certificates,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, String> {
        let mut roots = RootCertStore::empty();
        match certificates.roots.as_deref() {
            None | Some("system") => {
                // Some may be of an unsupported kind. If none is left, there is an error below.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Some(file) => {
                for root in read_certificates("sslrootcert", file)? {
                    roots
                        .add(root)
                        .map_err(|error| format!("sslrootcert: {error}"))?;
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| format!("sslrootcert: there are no trusted authorities ({error})"))
    }

    fn read_certificates(option: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
        let read = |error| format!("{option}: the file cannot be read ({error})");
        let certificates = CertificateDer::pem_file_iter(file).map_err(read)?;
        let certificates: Result<Vec<_>, _> = certificates.collect();
        let certificates = certificates.map_err(read)?;
        match certificates.is_empty() {
            true => Err(format!("{option}: the file has no certificate in it")),
            false => Ok(certificates),
        }
    }

    /// For `verify-ca`: accepts a certificate for any host.
    #[derive(Debug)]
    struct AnyName(Arc<WebPkiServerVerifier>);

    impl ServerCertVerifier for AnyName {
        fn verify_server_cert(
            &self,
            certificate: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            name: &ServerName<'_>,
            ocsp: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            // The name is checked last.
            match self
                .0
                .verify_server_cert(certificate, intermediates, name, ocsp, now)
            {
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                verified => verified,
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.0.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_verify_schemes()
        }
    }

    /// For `prefer` and `require`: accepts any certificate, if the server has its key.
    #[derive(Debug)]
    struct Unchecked(Arc<CryptoProvider>);

    impl ServerCertVerifier for Unchecked {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
