//! Cluster mode.

use super::feature::CLUSTER;
use crate::config::Changed;
use crate::config::directive::{Directive, Phase, Traits, Verdict, choice, flag, number, string};
use std::net::{Ipv4Addr, Ipv6Addr};

const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    flag!("cluster-enabled", cluster_enabled, false).immutable().later(CLUSTER),
    string!("cluster-config-file", cluster_config_file, "nodes.conf").immutable().later(CLUSTER),
    number!("cluster-port", cluster_port, 0, 65535, 0).immutable().later(CLUSTER),
    number!("cluster-node-timeout", cluster_node_timeout_ms, 0, LONG_MAX, 15000).later(CLUSTER),
    number!("cluster-ping-interval", cluster_ping_interval_ms, 0, LONG_MAX, 0)
        .is(Traits::HIDDEN)
        .later(CLUSTER),
    number!("cluster-migration-barrier", cluster_migration_barrier, 0, INT_MAX, 1).later(CLUSTER),
    number!("cluster-replica-validity-factor", cluster_replica_validity_factor, 0, INT_MAX, 10)
        .alias("cluster-slave-validity-factor")
        .later(CLUSTER),
    flag!("cluster-require-full-coverage", cluster_require_full_coverage, true).later(CLUSTER),
    flag!("cluster-replica-no-failover", cluster_replica_no_failover, false)
        .alias("cluster-slave-no-failover")
        .then(Changed::ClusterFlags)
        .later(CLUSTER),
    flag!("cluster-allow-replica-migration", cluster_allow_replica_migration, true).later(CLUSTER),
    flag!("cluster-allow-reads-when-down", cluster_allow_reads_when_down, false).later(CLUSTER),
    flag!("cluster-allow-pubsubshard-when-down", cluster_allow_pubsubshard_when_down, true).later(CLUSTER),
    number!("cluster-link-sendbuf-limit", cluster_link_sendbuf_limit, Bytes, 0, u64::MAX, 0).later(CLUSTER),
    string!("cluster-announce-ip", cluster_announce_ip).then(Changed::ClusterAnnounce).later(CLUSTER),
    string!("cluster-announce-client-ipv4", cluster_announce_client_ipv4)
        .check(ipv4)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    string!("cluster-announce-client-ipv6", cluster_announce_client_ipv6)
        .check(ipv6)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    string!("cluster-announce-hostname", cluster_announce_hostname)
        .check(hostname)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    string!("cluster-announce-human-nodename", cluster_announce_human_nodename)
        .check(node_name)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    number!("cluster-announce-port", cluster_announce_port, 0, 65535, 0)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    number!("cluster-announce-tls-port", cluster_announce_tls_port, 0, 65535, 0)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    number!("cluster-announce-bus-port", cluster_announce_bus_port, 0, 65535, 0)
        .then(Changed::ClusterAnnounce)
        .later(CLUSTER),
    choice!("cluster-preferred-endpoint-type", cluster_preferred_endpoint_type, ClusterEndpointType, Ip)
        .later(CLUSTER),
    flag!("cluster-slot-stats-enabled", cluster_slot_stats_enabled, false).later(CLUSTER),
    number!("cluster-blacklist-ttl", cluster_blacklist_ttl_s, 0, LONG_MAX, 60).later(CLUSTER),
];

fn ipv4(value: &[u8], _: Phase) -> Verdict {
    let parses = std::str::from_utf8(value).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok());
    if value.is_empty() || parses { Ok(()) } else { Err("Invalid IPv4 address".into()) }
}

fn ipv6(value: &[u8], _: Phase) -> Verdict {
    let parses = std::str::from_utf8(value).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if value.is_empty() || parses { Ok(()) } else { Err("Invalid IPv6 address".into()) }
}

fn hostname(value: &[u8], _: Phase) -> Verdict {
    if value.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
}

fn node_name(value: &[u8], _: Phase) -> Verdict {
    if value.iter().any(|byte| b"!#$%&()*+:;<>?@[]^{|}~".contains(byte)) {
        return Err("Announced human node name contained invalid character".into());
    }
    Ok(())
}
