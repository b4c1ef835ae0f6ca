#include "core/explain.hpp"

#include <algorithm>
#include <array>

#include "core/dag.hpp"
#include "core/time_text.hpp"

namespace baton::core {

namespace {

constexpr std::size_t named_max = 3;
constexpr std::array<std::string_view, 7> topics{"state", "waits", "reason", "error", "previous", "command", "log"};
static_assert(static_cast<std::size_t>(Topic::log) + 1 == topics.size());

/// `a, b, c and 4 more`
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < named_max; ++i) text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > named_max) text += " and " + std::to_string(names.size() - named_max) + " more";
  return text;
}

std::string_view meaning_of(const TaskRecord& record) {
  switch (record.waiting) {
    case Waiting::nothing:
    case Waiting::retry: return "";  // said with its time, or over
    case Waiting::backend:
      return record.seen ? "its job waits in the backend for its turn" : "the backend has not answered for its job";
    case Waiting::elsewhere: return "its job runs on another host, which alone can see it";
    case Waiting::cluster: return "its cluster is not ready";
    case Waiting::resources: return "nothing in the backend has the resources that it asks for";
    case Waiting::result: return "its job has finished, and its result is on the way";
    case Waiting::proof: return "its job has to stop, and is waited for until it is seen to have stopped";
  }
  BATON_UNREACHABLE();
}

void add_command(Lines& lines, const Step& step) {
  std::string text;
  for (const auto& word : step.command.words) text += (text.empty() ? "" : " ") + word;
  lines.push_back({Topic::command, std::move(text)});
}

void add_reasons(Lines& lines, const Reasons& reasons) {
  for (const auto& reason : reasons) lines.push_back({Topic::reason, to_text(reason)});
}

void add_previous(Lines& lines, const Success* success) {
  if (success == nullptr) {
    lines.push_back({Topic::previous, "no success is recorded"});
    return;
  }
  lines.push_back({Topic::previous, "its last success is attempt " + std::to_string(success->attempt) + " of run " +
                                        std::to_string(success->iteration.value()) + ", ended " + to_text(success->ended)});
}

class Explanation {
 public:
  Explanation(const Run& run, Index task, Instant now)
      : run_(run), task_(task), now_(now), record_(run.task(task)), definition_(run.definition_of(task)) {}

  Lines make() {
    lines_.push_back({Topic::state, state()});
    if (!is_final(record_.state)) {
      add_waits();
    } else if (record_.state == State::aborted) {
      lines_.push_back({Topic::waits, why_aborted()});
    }
    add_reasons(lines_, record_.reasons.empty() ? definition_.reasons : record_.reasons);
    for (const auto& error : record_.errors) lines_.push_back({Topic::error, error.what + " [" + error.code + "]"});
    add_previous(lines_, definition_.previous.get());
    add_command(lines_, *definition_.node.step);
    if (!record_.log.empty()) lines_.push_back({Topic::log, record_.log});
    return std::move(lines_);
  }

 private:
  [[nodiscard]] std::string name_of(Index task) const { return run_.definition_of(task).node.id.value(); }
  [[nodiscard]] std::string age() const { return to_text(now_ - record_.state_since); }
  [[nodiscard]] std::string attempt() const { return "attempt " + std::to_string(record_.attempt); }

  [[nodiscard]] std::string state() const {
    switch (record_.state) {
      case State::pending: return "its job was handed to the backend " + age() + " ago (" + attempt() + ") and has not begun";
      case State::started: return "it runs, since " + age() + " (" + attempt() + ")";
      case State::failed: return "it failed (" + attempt() + ")";
      case State::aborted: return "it was ended without a result";
      case State::success:
        return record_.reused ? "it was not run: its inputs turned out to be those of its last success"
                              : "it succeeded (" + attempt() + ")";
      default: return "it has not started, since " + age();
    }
  }

  void wait_for(std::string what) { lines_.push_back({Topic::waits, std::move(what)}); }

  void add_waits() {
    const auto& run = run_.record();
    if (run.desire != Desire::run) {
      wait_for("the run is being cancelled" + (run.desired_at ? ", since " + to_text(now_ - *run.desired_at) : "") +
               (is_live(record_.state) ? ": its job is stopped" : ": it will not start"));
    } else if (run.held) {
      wait_for("the run is held, as its passes failed again and again: nothing new starts");
    } else if (!is_live(record_.state) && run_.count(State::failed) > 0 && !run_.definition().keep_going) {
      wait_for(listed(tasks_in(State::failed)) + " failed, so nothing new starts; with -k it would");
    }
    if (!is_live(record_.state)) add_what_stands_before();
    if (const auto meaning = meaning_of(record_); !meaning.empty()) wait_for(std::string(meaning));
  }

  void add_what_stands_before() {
    std::vector<std::string> before;
    for (const auto predecessor : run_.dag().predecessors[task_]) {
      const auto& other = run_.task(predecessor);
      if (other.state != State::success) before.push_back(name_of(predecessor) + " (" + std::string(to_text(other.state)) + ")");
    }
    if (!before.empty()) {
      wait_for("it waits for " + listed(before));
    } else if (record_.not_before && *record_.not_before > now_) {
      wait_for("it is tried again in " + to_text(*record_.not_before - now_) + " (" + std::to_string(record_.failures) + " of " +
               std::to_string(definition_.node.step->retries.max + 1) + " attempts failed)");
    } else if (meaning_of(record_).empty()) {
      wait_for("it is ready, and waits for room in the backend");
    }
  }

  [[nodiscard]] std::string why_aborted() const {
    std::vector<std::string> failed;
    for (const auto i : ancestors_or_self(run_.dag(), {task_})) {
      if (run_.task(i).state == State::failed) failed.push_back(name_of(i));
    }
    if (!failed.empty()) return "it needs what " + listed(failed) + " should have made, which failed";
    if (run_.record().desire != Desire::run) return "the run was cancelled";
    const auto others = tasks_in(State::failed);
    if (!others.empty()) return listed(others) + " failed, and without -k nothing new started";
    return "its run ended before it could run";
  }

  [[nodiscard]] std::vector<std::string> tasks_in(State state) const {
    std::vector<std::string> names;
    for (Index i = 0; i < run_.size(); ++i) {
      if (run_.task(i).state == state) names.push_back(name_of(i));
    }
    return names;
  }

  const Run& run_;
  Index task_;
  Instant now_;
  const TaskRecord& record_;
  const TaskDefinition& definition_;
  Lines lines_;
};

}  // namespace

std::string_view to_text(Topic topic) {
  const auto index = static_cast<std::size_t>(topic);
  BATON_ASSERT(index < topics.size());
  return topics[index];
}

std::string to_text(const Reason& reason) {
  if (reason.port.empty()) return reason.detail;
  const bool of_output = reason.kind == ReasonKind::output_missing || reason.kind == ReasonKind::output_changed;
  return (of_output ? "output '" : "input '") + reason.port + "': " + reason.detail;
}

Lines explain(const Run& run, Index task, Instant now) { return Explanation(run, task, now).make(); }

Lines explain(const Project& project, const Facts& facts, const Plan& plan, Index node) {
  Lines lines;
  const auto& success = facts.history[node].success;
  if (plan.reasons[node].empty()) {
    lines.push_back({Topic::state, success ? "it would not run: it is up to date" : "it would not run: it was not selected"});
  } else {
    lines.push_back({Topic::state, "it would run"});
    std::vector<std::string> before;
    for (const auto predecessor : predecessors(project.nodes[node])) {
      if (!plan.reasons[predecessor].empty()) before.push_back(project.nodes[predecessor].id.value());
    }
    if (!before.empty()) lines.push_back({Topic::waits, "it would wait for " + listed(before)});
    add_reasons(lines, plan.reasons[node]);
  }
  add_previous(lines, success.get());
  add_command(lines, *project.nodes[node].step);
  if (success && !success->log.empty()) lines.push_back({Topic::log, success->log});
  return lines;
}

}  // namespace baton::core
