//! The report as JSON: every sample of every round, so that other figures can be derived later.

use serde_json::{Value, json};

use super::durability::{Figure, figures};
use super::{Report, cpu_ratio, memory_ratio, throughput_ratio};
use crate::speed::{Measured, Sample};
use crate::statistics::Spread;
use crate::{memory, pause};

/// The whole report.
#[must_use]
pub fn json(report: &Report) -> Value {
    let servers: Vec<Value> = report
        .servers
        .iter()
        .map(|server| json!({"name": server.name, "version": server.version, "command": server.command}))
        .collect();
    let settings: serde_json::Map<String, Value> =
        report.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "machine": report.machine,
        "began_unix_s": report.began_unix_s,
        "servers": servers,
        "settings": settings,
        "speed": report.speed.iter().map(|one| speed(report, one)).collect::<Vec<_>>(),
        "memory": report.memory.iter().map(|one| memory(report, one)).collect::<Vec<_>>(),
        "pauses": report.pauses.iter().enumerate().map(|(index, one)| pauses(report, index, one)).collect::<Vec<_>>(),
        "durability": figures(report).iter().map(|one| durability(report, one)).collect::<Vec<_>>(),
    })
}

fn speed(report: &Report, measured: &Measured) -> Value {
    let samples: serde_json::Map<String, Value> = report
        .servers
        .iter()
        .zip(&measured.samples)
        .map(|(server, rounds)| (server.name.clone(), rounds.iter().map(sample).collect()))
        .collect();
    let ratios: serde_json::Map<String, Value> = report
        .peers()
        .map(|peer| {
            let throughput = throughput_ratio(measured, peer).map(spread);
            let cpu = cpu_ratio(measured, peer).map(spread);
            (report.servers[peer].name.clone(), json!({"throughput": throughput, "cpu": cpu}))
        })
        .collect();
    json!({
        "case": measured.case,
        "pipeline": measured.pipeline,
        "value_bytes": measured.value_bytes,
        "samples": samples,
        "times_better_than": ratios,
    })
}

fn sample(sample: &Sample) -> Value {
    json!({
        "requests": sample.outcome.requests,
        "requests_per_second": sample.outcome.requests_per_second,
        "p50_us": sample.outcome.p50_us,
        "p99_us": sample.outcome.p99_us,
        "p999_us": sample.outcome.p999_us,
        "max_us": sample.outcome.max_us,
        "cpu_ns_per_command": sample.cpu_ns,
        "server_busy_share": sample.busy,
        "server_delayed_share": sample.delayed,
    })
}

fn memory(report: &Report, measured: &memory::Measured) -> Value {
    let footprints: serde_json::Map<String, Value> = report
        .servers
        .iter()
        .zip(&measured.footprints)
        .map(|(server, one)| {
            (
                server.name.clone(),
                json!({"resident_bytes_per_key": one.resident, "used_bytes_per_key": one.used}),
            )
        })
        .collect();
    let ratios: serde_json::Map<String, Value> = report
        .peers()
        .map(|peer| (report.servers[peer].name.clone(), json!(memory_ratio(measured, peer))))
        .collect();
    json!({"dataset": measured.dataset, "footprints": footprints, "times_better_than": ratios})
}

fn pauses(report: &Report, server: usize, measured: &pause::Measured) -> Value {
    let longest: Vec<Value> = measured
        .pauses
        .iter()
        .map(
            |one| json!({"keys": one.keys, "latency_us": one.latency_us, "waited_for_core_us": one.delay_us}),
        )
        .collect();
    let bursts: Vec<Value> =
        measured.bursts.iter().map(|one| json!({"keys": one.keys, "cpu_us": one.cpu_us})).collect();
    json!({
        "server": report.servers[server].name,
        "longest": longest,
        "longest_cpu_bursts": bursts,
        "p50_us": measured.p50_us,
        "p999_us": measured.p999_us,
        "p99999_us": measured.p99999_us,
        "cpu_ns_per_insert": measured.cpu_ns,
        "seconds": measured.elapsed.as_secs_f64(),
        "stolen_ms": measured.stolen_ms,
        "resident_bytes_per_key_by_keys": measured.growth,
    })
}

fn durability(report: &Report, figure: &Figure) -> Value {
    let values: serde_json::Map<String, Value> = report
        .servers
        .iter()
        .zip(&figure.values)
        .map(|(server, values)| (server.name.clone(), json!(values)))
        .collect();
    let beside = figure
        .beside_better_peer()
        .map(|(peer, times)| json!({"peer": report.servers[peer].name, "times": spread(times)}));
    json!({
        "figure": figure.name,
        "by_round": values,
        "beside_better_peer": beside,
        "aim": figure.aim_text(),
        "is_reached": figure.is_reached(),
    })
}

fn spread(spread: Spread) -> Value {
    json!({"median": spread.median, "low": spread.low, "high": spread.high})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_samples_and_ratios_by_server_name() {
        let value = json(&crate::report::tests::example());
        assert_eq!(value["speed"][0]["samples"]["redis"][1]["cpu_ns_per_command"], 900.0);
        assert_eq!(value["speed"][0]["times_better_than"]["redis"]["cpu"]["median"], 1.5);
        assert_eq!(value["memory"][0]["footprints"]["redis"]["used_bytes_per_key"], Value::Null);
        assert_eq!(value["pauses"][1]["longest"][0]["latency_us"], 30_001.0);
        assert_eq!(value["settings"]["rounds"], "2");
        let save =
            value["durability"].as_array().unwrap().iter().find(|one| one["figure"] == "seconds to save");
        let save = save.unwrap();
        assert_eq!((&save["by_round"]["redis"][0], &save["is_reached"]), (&json!(5.0), &json!(true)));
    }
}
