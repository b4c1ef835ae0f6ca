#include "cli/outcome.hpp"

#include <filesystem>
#include <utility>

#include "cli/json.hpp"
#include "core/time_text.hpp"

namespace baton::cli {
namespace {

/// As a person in this folder would type it.
std::string near_path(const std::string& path) {
  std::error_code wrong;
  auto near = std::filesystem::proximate(path, wrong).string();
  return wrong || near.starts_with("../..") ? path : near;
}

}  // namespace

std::string number_of(const core::RunKey& run) { return "run " + std::to_string(run.iteration.value()); }

std::string ending(const Session& session, const std::string& name, const RunView& run, const Progress& progress) {
  const auto& record = run.record;
  const bool good = record.result == core::State::success;
  auto text = name + ": " + session.terminal.coloured(good ? Colour::good : Colour::bad, core::to_text(record.result)) + ": ";
  const auto failed = progress.count(core::State::failed);
  const auto aborted = progress.count(core::State::aborted);
  text += std::to_string(progress.count(core::State::success)) + " of " + counted(progress.total(), "task") + " succeeded";
  if (failed > 0) text += ", " + std::to_string(failed) + " failed";
  if (aborted > 0) text += ", " + std::to_string(aborted) + " not run or stopped";
  if (record.started && record.ended) text += ", in " + core::to_text(*record.ended - *record.started);
  text += " (" + number_of(run.key) + ")\n";
  // A server puts them where it is told to; --json names each.
  if (good && progress.has_results() && !run.simulated && !session.server)
    text += "results: " + printable_name(near_path(session.places.out)) + "\n";
  return text;
}

ExitCode code_of(const RunView& run, bool interrupted) {
  if (interrupted || run.record.desire != core::Desire::run) return ExitCode::cancelled;
  if (run.record.result == core::State::success) return ExitCode::good;
  return run.record.result == core::State::failed ? ExitCode::task_failed : ExitCode::cancelled;
}

awaitable<Result<void>> print_run_json(Session& session, Records& records, const core::Project& project,
                                       std::optional<RunView> run) {
  std::vector<TaskView> tasks;
  if (run) {
    auto all = co_await records.tasks(run->key, Fence::none());
    if (!all) co_return fail(all.error());
    tasks = std::move(*all);
  }
  const auto nodes = co_await records.nodes(session.places.project);
  if (!nodes) co_return fail(nodes.error());
  std::vector<NodeId> order;
  for (const auto& node : project.nodes) order.push_back(node.id);
  session.terminal.data(run_json(run, reports_of(order, tasks, *nodes, session.options.simulate.has_value())));
  co_return Result<void>{};
}

}  // namespace baton::cli
