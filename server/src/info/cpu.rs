//! INFO cpu: processor time of the process and of the command loop's thread.

use super::{Page, View};
use crate::sys::{CpuTime, UsageOf, cpu_time};

pub(super) fn write(page: &mut Page, _view: &View<'_>) {
    for (suffix, whose) in
        [("", UsageOf::Process), ("_children", UsageOf::Children), ("_main_thread", UsageOf::Thread)]
    {
        let CpuTime { system_us, user_us } = cpu_time(whose);
        for (name, us) in [("sys", system_us), ("user", user_us)] {
            let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
            page.field(&format!("used_cpu_{name}{suffix}"), format_args!("{seconds}.{rest:06}"));
        }
    }
}
