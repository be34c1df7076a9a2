//! INFO memory, and the figures that MEMORY STATS and MEMORY DOCTOR share with it.

use super::{Page, View, human_bytes};
use crate::client::list;
use rufous_storage::memory::{self, AllocatorStats};
use std::fs;

/// Where the memory is, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Handed out by the allocator.
    pub used: u64,
    /// The most that was ever handed out.
    pub peak: u64,
    /// Handed out when the server was ready and empty.
    pub startup: u64,
    /// Held by the kernel for the process.
    pub rss: u64,
    /// The allocator's own view.
    pub allocator: AllocatorStats,
    /// Tables of keys.
    pub tables: u64,
    /// What knows when keys expire.
    pub expires: u64,
    /// Connected clients with their buffers.
    pub clients: u64,
    /// Keys in all databases.
    pub keys: u64,
}

impl Figures {
    /// Takes them now; costs a walk over the clients and some microseconds in the kernel.
    pub fn take(view: &View<'_>) -> Figures {
        let used = memory::used_bytes() as u64;
        let tables = view.store.keyspace.memory();
        Figures {
            used,
            peak: view.state.stats.memory_peak_bytes.max(used),
            startup: view.state.startup_bytes,
            rss: rss_bytes().unwrap_or(used),
            allocator: AllocatorStats::read(),
            tables: tables.table_bytes as u64,
            expires: tables.expires_bytes as u64,
            clients: client_bytes(view),
            keys: view.store.keyspace.len() as u64,
        }
    }

    /// All that is not keys and values.
    pub fn overhead(&self) -> u64 {
        self.startup + self.tables + self.expires + self.clients
    }

    /// Keys and values.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// What was handed out since the start.
    pub fn net(&self) -> u64 {
        self.used.saturating_sub(self.startup).max(1)
    }

    /// Keys and values in percent of what was handed out since the start.
    pub fn dataset_percent(&self) -> f64 {
        self.dataset() as f64 * 100.0 / self.net() as f64
    }

    /// Handed out now, in percent of the peak.
    pub fn peak_percent(&self) -> f64 {
        self.used as f64 * 100.0 / self.peak.max(1) as f64
    }

    /// Bytes a key takes with its value on average.
    pub fn bytes_per_key(&self) -> u64 {
        self.net().checked_div(self.keys).unwrap_or(0)
    }

    /// Each as ratio and difference: pages of the allocator over what it handed out, its memory over its pages, the
    /// process over the allocator, the process over what was handed out.
    pub fn waste(&self) -> [(f64, i64); 4] {
        let of = |part: u64, whole: u64| (part as f64 / whole.max(1) as f64, part as i64 - whole as i64);
        let AllocatorStats { allocated_bytes, active_bytes, resident_bytes, .. } = self.allocator;
        let (allocated, active, resident) =
            (allocated_bytes as u64, active_bytes as u64, resident_bytes as u64);
        [of(active, allocated), of(resident, active), of(self.rss, resident), of(self.rss, self.used)]
    }
}

fn client_bytes(view: &View<'_>) -> u64 {
    let others = view.state.clients.iter().map(|peer| list::memory_total(&peer.client, peer.out.figures()));
    (others.sum::<usize>() + list::memory_total(view.client, view.output)) as u64
}

/// Memory of the process that is not swapped out: the second number of `statm`, in pages.
fn rss_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn system_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    system.totalram as u64 * u64::from(system.mem_unit)
}

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let config = &view.state.config;
    let figures = Figures::take(view);
    let [(fragmentation, fragmentation_bytes), (pages, pages_bytes), (process, process_bytes), total] =
        figures.waste();
    bytes(page, "used_memory", figures.used);
    bytes(page, "used_memory_rss", figures.rss);
    bytes(page, "used_memory_peak", figures.peak);
    page.field("used_memory_peak_perc", format_args!("{:.2}%", figures.peak_percent()));
    page.field("used_memory_overhead", figures.overhead());
    page.field("used_memory_startup", figures.startup);
    page.field("used_memory_dataset", figures.dataset());
    page.field("used_memory_dataset_perc", format_args!("{:.2}%", figures.dataset_percent()));
    page.field("allocator_allocated", figures.allocator.allocated_bytes);
    page.field("allocator_active", figures.allocator.active_bytes);
    page.field("allocator_resident", figures.allocator.resident_bytes);
    bytes(page, "total_system_memory", system_bytes());
    write_scripts(page);
    bytes(page, "maxmemory", config.maxmemory);
    page.field("maxmemory_policy", config.maxmemory_policy.name());
    page.field("allocator_frag_ratio", format_args!("{fragmentation:.2}"));
    page.field("allocator_frag_bytes", fragmentation_bytes);
    page.field("allocator_rss_ratio", format_args!("{pages:.2}"));
    page.field("allocator_rss_bytes", pages_bytes);
    page.field("rss_overhead_ratio", format_args!("{process:.2}"));
    page.field("rss_overhead_bytes", process_bytes);
    page.field("mem_fragmentation_ratio", format_args!("{:.2}", total.0));
    page.field("mem_fragmentation_bytes", total.1);
    page.fields(
        &[
            "mem_not_counted_for_evict",
            "mem_replication_backlog",
            "mem_total_replication_buffers",
            "mem_clients_slaves",
        ],
        0,
    );
    page.field("mem_clients_normal", figures.clients);
    page.fields(&["mem_cluster_links", "mem_aof_buffer"], 0);
    page.field("mem_allocator", format_args!("jemalloc-{}", memory::version()));
    page.field("active_defrag_running", 0);
    page.field("lazyfree_pending_objects", view.store.lazyfree.pending());
    page.field("lazyfreed_objects", view.store.lazyfree.freed());
}

/// Scripts are not part of this server.
fn write_scripts(page: &mut Page) {
    page.fields(&["used_memory_lua", "used_memory_vm_eval"], 0);
    page.field("used_memory_lua_human", human_bytes(0));
    page.fields(
        &[
            "used_memory_scripts_eval",
            "number_of_cached_scripts",
            "number_of_functions",
            "number_of_libraries",
            "used_memory_vm_functions",
            "used_memory_vm_total",
        ],
        0,
    );
    page.field("used_memory_vm_total_human", human_bytes(0));
    page.fields(&["used_memory_functions", "used_memory_scripts"], 0);
    page.field("used_memory_scripts_human", human_bytes(0));
}

/// A line in bytes and a line for people.
fn bytes(page: &mut Page, name: &str, value: u64) {
    page.field(name, value);
    page.field(&format!("{name}_human"), human_bytes(value));
}
