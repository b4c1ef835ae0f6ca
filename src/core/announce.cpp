// What a decision means to those who listen (C§7): from the run as it was and what becomes of it, in the order of its attempts.
#include <array>

#include "core/decide.hpp"

namespace baton::core {
namespace {

constexpr std::array<std::string_view, 4> told_names{"run_result", "task_started", "task_stopped", "run_log"};
static_assert(static_cast<std::size_t>(Told::run_log) + 1 == told_names.size());

bool had_started(const Run& run, const AttemptRecord& attempt) {
  const auto& before = run.task(attempt.task);
  return before.attempt == attempt.attempt && before.state == State::started;
}

const Resources& resources_of(const Run& run, Index task) { return run.definition().tasks[task].node.step->resources; }

void announce_tasks(const Run& run, const Decision& decision, Instant now, std::vector<Announcement>& told) {
  for (const auto& record : decision.tasks)
    if (record.state == State::started && run.task(record.task).state != State::started)
      told.push_back({.what = Told::task_started,
                      .task = record.task,
                      .state = State::started,
                      .attempt = record.attempt,
                      .resources = resources_of(run, record.task),
                      .at = record.started.value_or(now)});
  for (const auto& attempt : decision.attempts) {
    if (attempt.outcome == Outcome::open || !attempt.started) continue;
    if (!had_started(run, attempt))  // it began and ended between two passes
      told.push_back({.what = Told::task_started,
                      .task = attempt.task,
                      .state = State::started,
                      .attempt = attempt.attempt,
                      .resources = resources_of(run, attempt.task),
                      .at = *attempt.started});
    const auto state = attempt.outcome == Outcome::succeeded ? State::success
                       : attempt.outcome == Outcome::aborted ? State::aborted
                                                             : State::failed;
    told.push_back({.what = Told::task_stopped,
                    .task = attempt.task,
                    .state = state,
                    .attempt = attempt.attempt,
                    .platform_ok = attempt.outcome != Outcome::lost,
                    .at = attempt.ended.value_or(now)});
  }
}

}  // namespace

std::string_view to_text(Told told) { return told_names.at(static_cast<std::size_t>(told)); }
std::optional<Told> told_from(std::string_view text) {
  for (std::size_t i = 0; i < told_names.size(); ++i)
    if (told_names.at(i) == text) return static_cast<Told>(i);
  return std::nullopt;
}

std::vector<Announcement> announcements(const Run& run, const Decision& decision, Instant now) {
  std::vector<Announcement> told;
  const auto& before = run.record();
  if (!before.processed) {
    told.push_back({.what = Told::run_result, .at = before.created});
    told.push_back({.what = Told::run_log, .text = "Project pipeline is scheduled and starts soon", .at = before.created});
  }
  announce_tasks(run, decision, now, told);
  if (decision.result != before.result) told.push_back({.what = Told::run_result, .state = decision.result, .at = now});
  if (decision.ended && !before.ended)
    told.push_back({.what = Told::run_log,
                    .state = decision.result,
                    .text = "Project pipeline execution for iteration " + std::to_string(run.definition().key.iteration.value()) +
                            " has completed with status: " + std::string(to_text(decision.result)),
                    .at = now});
  return told;
}

}  // namespace baton::core
