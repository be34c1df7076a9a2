//! TLS.

use super::feature::TLS;
use crate::config::Changed;
use crate::config::directive::{Directive, Traits, choice, flag, number, secret, string};

const INT_MAX: i128 = i32::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    number!("tls-port", tls_port, 0, 65535, 0).then(Changed::TlsPort).later(TLS),
    flag!("tls-cluster", tls_cluster, false).then(Changed::Tls).later(TLS),
    flag!("tls-replication", tls_replication, false).then(Changed::Tls).later(TLS),
    choice!("tls-auth-clients", tls_auth_clients, TlsAuthClients, Yes).later(TLS),
    flag!("tls-prefer-server-ciphers", tls_prefer_server_ciphers, false).then(Changed::Tls).later(TLS),
    flag!("tls-session-caching", tls_session_caching, true).then(Changed::Tls).later(TLS),
    number!("tls-session-cache-size", tls_session_cache_size, 0, INT_MAX, 20480)
        .then(Changed::Tls)
        .later(TLS),
    number!("tls-session-cache-timeout", tls_session_cache_timeout_s, 0, INT_MAX, 300)
        .then(Changed::Tls)
        .later(TLS),
    string!("tls-cert-file", tls_cert_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    string!("tls-key-file", tls_key_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    secret!("tls-key-file-pass", tls_key_file_pass).then(Changed::Tls).later(TLS),
    string!("tls-client-cert-file", tls_client_cert_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    string!("tls-client-key-file", tls_client_key_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    secret!("tls-client-key-file-pass", tls_client_key_file_pass).then(Changed::Tls).later(TLS),
    string!("tls-dh-params-file", tls_dh_params_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    string!("tls-ca-cert-file", tls_ca_cert_file).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    string!("tls-ca-cert-dir", tls_ca_cert_dir).is(Traits::VOLATILE).then(Changed::Tls).later(TLS),
    string!("tls-protocols", tls_protocols).then(Changed::Tls).later(TLS),
    string!("tls-ciphers", tls_ciphers).then(Changed::Tls).later(TLS),
    string!("tls-ciphersuites", tls_ciphersuites).then(Changed::Tls).later(TLS),
];
