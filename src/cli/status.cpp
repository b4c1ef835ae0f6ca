#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/past.hpp"
#include "cli/remote.hpp"
#include "cli/work.hpp"
#include "core/time_text.hpp"

namespace baton::cli {
namespace {

constexpr std::size_t listed_max = 20;

std::string run_line(const Session& session, const RunView& run, const std::optional<Holder>& holder, core::Instant now) {
  const auto& record = run.record;
  auto text = printable_name(session.places.name) + ": run " + std::to_string(run.key.iteration.value()) + " ";
  if (core::is_final(record.result)) {
    text += std::string(core::to_text(record.result));
    if (record.started && record.ended) text += ", took " + core::to_text(*record.ended - *record.started);
    if (record.ended) text += ", ended " + core::to_text(now - *record.ended) + " ago";
  } else {
    text += std::string(core::to_text(record.result)) + ", since " + core::to_text(now - record.started.value_or(record.created));
    if (record.desired_at) text += ", cancelling since " + core::to_text(now - *record.desired_at);
    if (record.held) text += ", held: " + printable(run.last_failure);
    if (!session.server)
      text += holder ? " (" + told(*holder) + ")" : "; nobody is at work on it: `baton run` goes on with it";
    else if (run.follower.value().empty())
      text += "; no server is at work on it now";
  }
  return text + "\n";
}

std::string detail_of(const TaskView& task, core::Instant now) {
  const auto& record = task.record;
  std::string text;
  if (record.state == core::State::started && record.started) text = "for " + core::to_text(now - *record.started);
  if (record.waiting != core::Waiting::nothing)
    text += (text.empty() ? "" : ", ") + ("waits: " + std::string(core::to_text(record.waiting)));
  if (task.progress && core::is_live(record.state)) text += ", " + std::to_string(static_cast<int>(*task.progress * 100)) + " %";
  if (!record.errors.empty()) text += (text.empty() ? "" : ", ") + printable(record.errors.front().what);
  return text;
}

/// What lives or failed, one line each.
std::string tasks_text(const std::vector<TaskView>& tasks, core::Instant now) {
  Table table;
  std::size_t listed = 0, left_out = 0;
  for (const auto& task : tasks) {
    const auto state = task.record.state;
    if (!core::is_live(state) && state != core::State::failed && state != core::State::waiting_for_resources) continue;
    if (listed == listed_max) {
      ++left_out;
      continue;
    }
    ++listed;
    table.add({"  " + printable(task.node.value()), std::string(core::to_text(state)), detail_of(task, now)});
  }
  return table.text() + (left_out > 0 ? "  and " + std::to_string(left_out) + " more\n" : "");
}

}  // namespace

awaitable<ExitCode> status(Session& session) {
  const auto store = Reading::open(session);
  if (!store) co_return tell(session, store.error());
  const auto run = co_await newest_run(**store, session.places.project);
  if (!run) co_return tell(session, run.error());
  std::vector<TaskView> tasks;
  if (*run) {
    auto all = co_await (*store)->tasks((*run)->key, Fence::none());
    if (!all) co_return tell(session, all.error());
    tasks = std::move(*all);
  }
  auto holder = session.server ? std::nullopt : session.house.holder(session.places.state);
  if (holder && holder->pid != 0 && holder->project != session.places.project.value()) holder.reset();
  if (session.options.json) {
    const auto nodes = co_await (*store)->nodes(session.places.project);
    if (!nodes) co_return tell(session, nodes.error());
    std::vector<NodeId> order;
    for (const auto& node : *nodes) order.push_back(node.node);
    session.terminal.data(status_json(*run, reports_of(order, tasks, *nodes, *run && (*run)->simulated), holder));
    co_return ExitCode::good;
  }
  if (!*run) {
    session.terminal.data(printable_name(session.places.name) + ": no run yet\n");
    co_return ExitCode::good;
  }
  const auto now = session.house.runtime().wall();
  session.terminal.data(run_line(session, **run, holder, now) + "  " + counts_text(tasks) + "\n" + tasks_text(tasks, now));
  co_return ExitCode::good;
}

}  // namespace baton::cli
