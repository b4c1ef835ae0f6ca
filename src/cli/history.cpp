#include <utility>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/past.hpp"
#include "cli/remote.hpp"
#include "core/time_text.hpp"

namespace baton::cli {
namespace {

std::string history_text(const Session& session, const std::vector<PastRun>& runs) {
  if (runs.empty()) return printable_name(session.places.name) + ": no run yet\n";
  Table table;
  table.add({"RUN", "RESULT", "CREATED", "TOOK", "TASKS"});
  for (const auto& [run, tasks] : runs) {
    const auto& record = run.record;
    table.add({std::to_string(run.key.iteration.value()),
               std::string(core::to_text(record.result)) + (run.simulated ? " (simulated)" : ""), core::to_text(record.created),
               record.started && record.ended ? core::to_text(*record.ended - *record.started) : "-", counts_text(tasks)});
  }
  return table.text();
}

}  // namespace

awaitable<ExitCode> history(Session& session) {
  const auto store = Reading::open(session);
  if (!store) co_return tell(session, store.error());
  auto runs = co_await (*store)->runs(session.places.project, session.options.newest);
  if (!runs) co_return tell(session, runs.error());
  std::vector<PastRun> past;
  for (auto& run : *runs) {
    auto tasks = co_await (*store)->tasks(run.key, Fence::none());
    if (!tasks) co_return tell(session, tasks.error());
    past.push_back({.run = std::move(run), .tasks = std::move(*tasks)});
  }
  session.terminal.data(session.options.json ? history_json(past) : history_text(session, past));
  co_return ExitCode::good;
}

}  // namespace baton::cli
