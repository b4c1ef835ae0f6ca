/// One run's rows as a store keeps them, without a store: what tests of `Run` and `decide` write decisions into.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/decide.hpp"
#include "core/key.hpp"
#include "core/run.hpp"

namespace baton::test {

class Rows {
 public:
  explicit Rows(std::shared_ptr<const core::RunDefinition> definition) : definition_(std::move(definition)) {
    for (Index i = 0; i < definition_->tasks.size(); ++i) {
      core::TaskRecord record{.task = i};
      record.reasons = definition_->tasks[i].reasons;
      tasks_.push_back({record, 0});
    }
  }
  core::Ticket begin(Fence known, core::Instant now) {
    ++fence_;
    core::Ticket ticket{.run = definition_->id, .fence = Fence(fence_), .now = now, .record = record_};
    if (known == Fence::none()) ticket.definition = definition_;
    for (const auto& [record, changed_in] : tasks_)
      if (changed_in > known.value()) ticket.tasks.push_back(record);
    for (const auto& [job, row] : owed_)
      if (row.second > known.value()) ticket.owed.push_back(row.first);
    return ticket;
  }
  void commit(const core::Decision& decision) {
    for (const auto& record : decision.tasks) tasks_[record.task] = {record, fence_};
    for (const auto& attempt : decision.attempts)
      if (attempt.outcome != core::Outcome::open && attempt.owed != core::Owed::nothing)
        owed_[attempt.job] = {{attempt.task, attempt.attempt, attempt.job, attempt.owed, *attempt.ended}, fence_};
    for (const auto& job : decision.settle) {
      auto& owed = owed_.at(job).first.owed;
      owed = owed == core::Owed::kill ? core::Owed::release : core::Owed::nothing;  // a death that was seen leaves the release
      owed_.at(job).second = fence_;
    }
    record_.result = decision.result;
    record_.started = decision.started;
    record_.ended = decision.ended;
    record_.no_room_since = decision.no_room_since;
    record_.processed = core::Instant{};
  }
  void desire(core::Desire desire, core::Instant now) {
    record_.desire = desire;
    if (!record_.desired_at) record_.desired_at = now;
  }
  [[nodiscard]] const core::TaskRecord& task(Index i) const { return tasks_[i].first; }
  [[nodiscard]] const core::RunRecord& record() const { return record_; }
  [[nodiscard]] bool owes() const {
    for (const auto& [job, row] : owed_)
      if (row.first.owed != core::Owed::nothing) return true;
    return false;
  }
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }

 private:
  std::shared_ptr<const core::RunDefinition> definition_;
  std::vector<std::pair<core::TaskRecord, std::int64_t>> tasks_;
  std::map<JobId, std::pair<core::OwedRecord, std::int64_t>> owed_;
  core::RunRecord record_;
  std::int64_t fence_ = 0;
};

/// A run whose task i follows `before[i]`, by name `t0`, `t1`, …; each declares one value output `v` and reads those before it.
inline std::shared_ptr<core::RunDefinition> run_of(const std::vector<std::vector<Index>>& before) {
  auto definition = std::make_shared<core::RunDefinition>();
  definition->id = RunId(1);
  definition->uuid = RunUuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  definition->key = {UserId(1), ProjectId("p"), Iteration(1)};
  for (Index i = 0; i < before.size(); ++i) {
    auto step = std::make_shared<core::Step>();
    step->name = "t" + std::to_string(i);
    step->command = {true, {"true"}};
    step->outputs = {{.port = "v", .kind = core::OutputKind::json}};
    core::TaskDefinition task;
    task.node.id = NodeId(step->name);
    for (const auto b : before[i]) {
      const auto port = "in" + std::to_string(b);
      task.node.inputs.push_back({port, core::From{.sources = {{.node = b, .port = "v", .given = nullptr}}}});
      task.key.inputs[port] = "";
    }
    task.node.step = std::move(step);
    task.reasons = {{core::ReasonKind::never_succeeded, "", ""}};
    task.key.definition = "d" + std::to_string(i);
    definition->tasks.push_back(std::move(task));
  }
  return definition;
}
/// The step of a task, to be changed before the run is used.
inline core::Step& step_of(core::RunDefinition& definition, Index i) {
  return const_cast<core::Step&>(*definition.tasks[i].node.step);  // made by run_of, which owns it alone
}

inline core::Observation seen(const core::TaskRecord& task, core::Seen what) { return {.job = *task.job, .seen = what}; }
inline core::Observation done(const core::TaskRecord& task, std::string json = "1") {
  auto end = std::make_shared<core::JobEnd>();
  end->exit_code = 0;
  end->products = {{"v", core::Value{std::move(json)}}};
  end->log = "log";
  return {.job = *task.job, .seen = core::Seen::done, .end = std::move(end)};
}
inline core::Observation erred(const core::TaskRecord& task, core::EndKind kind = core::EndKind::exit) {
  auto end = std::make_shared<core::JobEnd>();
  end->kind = kind;
  end->exit_code = 1;
  end->error = Error{.code = "runtime.exit", .what = "it exited with 1"};
  return {.job = *task.job, .seen = core::Seen::erred, .end = std::move(end)};
}

}  // namespace baton::test
