//! What flow control is doing, for people (`/debug/api_priority_and_fairness/…`; upstream: `apf_controller_debug.go`).

use std::fmt::{Display, Write as _};

use crate::{FlowController, Work, description::Description, level::State};

/// Below this lie the dumps.
pub const PREFIX: &str = "/debug/api_priority_and_fairness/";

impl FlowController {
    /// The dump of this name below [`PREFIX`]; `None` if there is none. With `details` that of requests says what each asks
    /// for.
    #[must_use]
    pub fn dump(&self, name: &str, details: bool) -> Option<String> {
        match name {
            "dump_priority_levels" => Some(self.dump_levels()),
            "dump_queues" => Some(self.dump_queues()),
            "dump_requests" => Some(self.dump_requests(details)),
            _ => None,
        }
    }

    fn each_level(&self, mut visit: impl FnMut(&str, &State)) {
        for (name, level) in &self.configured.load().levels {
            visit(name, &level.state.lock());
        }
    }

    fn dump_levels(&self) -> String {
        let mut table = Table::new(&[
            "PriorityLevelName",
            "ActiveQueues",
            "IsIdle",
            "IsQuiescing",
            "WaitingRequests",
            "ExecutingRequests",
            "DispatchedRequests",
            "RejectedRequests",
            "TimedoutRequests",
            "CancelledRequests",
        ]);
        self.each_level(|name, state| {
            let (queues, counts) = (&state.queues, state.queues.counts);
            let active = queues.queues.iter().filter(|queue| !queue.waiting.is_empty()).count();
            table.row(&[
                &name,
                &active,
                &queues.is_idle(),
                &state.quiescing,
                &queues.waiting,
                &queues.executing,
                &counts.dispatched,
                &counts.rejected,
                &counts.timed_out,
                &counts.cancelled,
            ]);
        });
        table.text()
    }

    fn dump_queues(&self) -> String {
        let mut table = Table::new(&[
            "PriorityLevelName",
            "Index",
            "PendingRequests",
            "ExecutingRequests",
            "SeatsInUse",
            "NextDispatchR",
            "InitialSeatsSum",
            "MaxSeatsSum",
            "TotalWorkSum",
        ]);
        self.each_level(|name, state| {
            for (index, queue) in state.queues.queues.iter().enumerate() {
                let (next, initial, most, work) = queue.figures();
                table.row(&[
                    &name,
                    &index,
                    &queue.waiting.len(),
                    &queue.executing,
                    &queue.seats_in_use,
                    &format_args!("{next:.8}ss"),
                    &initial,
                    &most,
                    &format_args!("{work:.8}ss"),
                ]);
            }
        });
        table.text()
    }

    fn dump_requests(&self, details: bool) -> String {
        let mut heads = vec![
            "PriorityLevelName",
            "FlowSchemaName",
            "QueueIndex",
            "RequestIndexInQueue",
            "FlowDistingsher",
            "ArriveTime",
            "InitialSeats",
            "FinalSeats",
            "AdditionalLatency",
            "StartTime",
        ];
        if details {
            heads.extend([
                "UserName",
                "Verb",
                "APIPath",
                "Namespace",
                "Name",
                "APIVersion",
                "Resource",
                "SubResource",
            ]);
        }
        let mut table = Table::new(&heads);
        self.each_level(|level, state| {
            let mut row = |place: [&dyn Display; 2], about: &Description, work: &Work, started: &dyn Display| {
                let [queue, position] = place;
                let latency = component_base::GoDuration::from(work.additional_latency);
                let asked = if details { about.details().to_vec() } else { Vec::new() };
                let mut cells: Vec<&dyn Display> = vec![&level, &about.schema.name, queue, position];
                let flow = about.flow();
                let rest: [&dyn Display; 6] = [
                    &flow,
                    &about.arrived,
                    &work.initial_seats,
                    &work.final_seats,
                    &latency,
                    started,
                ];
                cells.extend(rest);
                cells.extend(asked.iter().map(|cell| cell as &dyn Display));
                table.row(&cells);
            };
            let running = |queue| {
                let all = state.queues.running.iter().map(|(_, request)| request);
                all.filter(move |request| request.queue == queue)
            };
            for (index, queue) in state.queues.queues.iter().enumerate() {
                for (position, waiting) in queue.waiting.iter().enumerate() {
                    row([&index, &position], &waiting.about, &waiting.work, &NEVER);
                }
                for request in running(Some(index)) {
                    row([&index, &-1], &request.about, &request.work, &request.started);
                }
            }
            for request in running(None) {
                row([&-1, &-1], &request.about, &request.work, &request.started);
            }
        });
        table.text()
    }
}

/// Go's zero time: what waits has not begun.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Rows of cells, in columns as wide as their widest cell.
struct Table(Vec<Vec<String>>);

/// The least width of a column.
const LEAST_WIDTH: usize = 8;

impl Table {
    fn new(heads: &[&str]) -> Self {
        Self(vec![heads.iter().map(|head| (*head).to_owned()).collect()])
    }

    fn row(&mut self, cells: &[&dyn Display]) {
        self.0.push(cells.iter().map(ToString::to_string).collect());
    }

    fn text(&self) -> String {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let widest = self.0.iter().map(|row| row[column].chars().count()).max();
            // A comma and a space follow.
            (widest.unwrap_or_default() + 2).max(LEAST_WIDTH)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            for (column, cell) in row.iter().enumerate() {
                if column + 1 == columns {
                    text.push_str(cell);
                } else {
                    let width = widths[column];
                    // A String takes everything.
                    let _ = write!(text, "{:width$}", format_args!("{cell},").to_string());
                }
            }
            text.push('\n');
        }
        text
    }
}
