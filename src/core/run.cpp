#include "core/run.hpp"

#include <algorithm>

namespace baton::core {

std::string to_text(const RunKey& key) {
  return std::to_string(key.user.value()) + ':' + key.project.value() + ':' + std::to_string(key.iteration.value());
}

std::optional<Instant> deadline_of(const TaskDefinition& definition, const TaskRecord& record) {
  std::optional<Instant> earliest;
  if (to_start_states.has(record.state)) earliest = record.not_before;
  const auto& limit = definition.node.step->limits.waiting;
  // What has begun no longer waits; until the backend says so, a PENDING job does.
  if (limit && record.ready_since && waiting_for_start_states.has(record.state)) {
    const auto expires = *record.ready_since + *limit;
    earliest = earliest ? std::min(*earliest, expires) : expires;
  }
  return earliest;
}

void Run::apply(const Ticket& ticket) {
  record_ = ticket.record;
  if (ticket.definition) {
    definition_ = ticket.definition;
    const auto count = definition_->tasks.size();
    std::vector<std::vector<Index>> successors(count);
    for (Index i = 0; i < count; ++i)
      for (const auto before : predecessors(definition_->tasks[i].node)) successors[before].push_back(i);
    dag_ = std::make_shared<const Dag>(dag_from_successors(std::move(successors)));
    tasks_.assign(count, {});
    waits_for_.assign(count, 0);
    ready_.clear();
    to_start_.clear();
    live_.clear();
    unseen_.clear();
    deadlines_.clear();
    owed_.clear();
    jobs_.clear();
    counts_ = {};
    has_waiting_limits_ = std::ranges::any_of(
        definition_->tasks, [](const TaskDefinition& task) { return task.node.step->limits.waiting.has_value(); });
    not_runnable_.clear();
    for (Index i = 0; i < count; ++i) {
      if (definition_->tasks[i].node.step->command.words.empty()) not_runnable_.push_back(i);
      waits_for_[i] = static_cast<std::uint32_t>(dag_->predecessors[i].size());
      tasks_[i].task = i;
      tasks_[i].state = State::not_started;
      enter(tasks_[i]);
    }
  }
  BATON_ASSERT(definition_ != nullptr);
  for (const auto& record : ticket.tasks) {
    BATON_ASSERT(record.task < tasks_.size());
    BATON_ASSERT(!is_live(record.state) || record.job.has_value());
    BATON_ASSERT(record.state != State::success || record.success != nullptr);
    leave(tasks_[record.task]);
    tasks_[record.task] = record;
    enter(record);
  }
  for (const auto& record : ticket.owed) {
    if (record.owed == Owed::nothing)
      owed_.erase(record.job);
    else
      owed_[record.job] = record;
  }
}

void Run::enter(const TaskRecord& record) {
  const auto i = record.task;
  ++counts_[static_cast<std::size_t>(record.state)];
  if (record.state == State::success)
    for (const auto next : dag_->successors[i])
      if (--waits_for_[next] == 0 && to_start_.contains(next) && !tasks_[next].not_before) ready_.insert(next);
  if (to_start_states.has(record.state)) {
    to_start_.insert(i);
    if (waits_for_[i] == 0 && !record.not_before) ready_.insert(i);
  }
  if (record.job && processing_states.has(record.state)) {
    live_.insert(i);
    jobs_[*record.job] = i;
    if (!record.seen) unseen_.insert(i);
  }
  if (const auto when = deadline_of(definition_->tasks[i], record)) deadlines_.emplace(*when, i);
}

void Run::leave(const TaskRecord& record) {
  const auto i = record.task;
  --counts_[static_cast<std::size_t>(record.state)];
  if (record.state == State::success)
    for (const auto next : dag_->successors[i])
      if (waits_for_[next]++ == 0) ready_.erase(next);
  to_start_.erase(i);
  ready_.erase(i);
  if (record.job && processing_states.has(record.state)) {
    live_.erase(i);
    jobs_.erase(*record.job);
    unseen_.erase(i);
  }
  if (const auto when = deadline_of(definition_->tasks[i], record)) deadlines_.erase({*when, i});
}

std::optional<Index> Run::live_task(const JobId& job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace baton::core
