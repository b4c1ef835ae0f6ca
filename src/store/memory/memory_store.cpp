#include "store/memory/memory_store.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/run_row.hpp"

namespace baton {
namespace {

using core::RunKey;

// Which pass (fence) last wrote each thing, to be asked for what is newer than a fence.
template <class Key>
class Changes {
 public:
  void wrote(const Key& key, Fence fence) {
    auto& last = last_.try_emplace(key, Fence::none()).first->second;
    by_fence_.erase({last, key});
    by_fence_.emplace(fence, key);
    last = fence;
  }
  [[nodiscard]] std::vector<Key> since(Fence known) const {
    std::vector<Key> keys;
    for (auto at = by_fence_.lower_bound({Fence(known.value() + 1), Key{}}); at != by_fence_.end(); ++at)
      keys.push_back(at->second);
    std::ranges::sort(keys);
    return keys;
  }

 private:
  std::map<Key, Fence> last_;
  std::set<std::pair<Fence, Key>> by_fence_;
};

using AttemptKey = std::pair<Index, std::int32_t>;

struct StoredTask {
  core::TaskRecord record;
  std::optional<double> progress;
};

struct StoredRun {
  std::shared_ptr<const core::RunDefinition> definition;
  core::RunRow row;
  std::vector<StoredTask> tasks;
  Changes<Index> changed_tasks;
  std::map<AttemptKey, core::AttemptRecord> attempts;
  Changes<AttemptKey> changed_attempts;
  std::map<JobId, AttemptKey> jobs;
  std::set<AttemptKey> owing;
  std::string collection, metadata;
  std::int32_t untold = 0;  // messages in the outbox

  void put(const core::AttemptRecord& attempt, Fence fence) {
    const AttemptKey key(attempt.task, attempt.attempt);
    auto& written = attempts[key];
    auto why = attempt.why.empty() ? std::move(written.why) : attempt.why;
    written = attempt;
    written.why = std::move(why);
    jobs[attempt.job] = key;
    changed_attempts.wrote(key, fence);
    if (attempt.owed == core::Owed::nothing) {
      owing.erase(key);
    } else {
      owing.insert(key);
    }
  }
  void reopen() { row.open = core::is_open(row, !owing.empty() || untold > 0); }
};

std::uint32_t jobs_that_wait(const StoredRun& run) {
  constexpr core::StateSet waiting{core::State::pending, core::State::waiting_for_resources};
  const auto count = std::ranges::count_if(run.tasks, [&](const StoredTask& task) { return waiting.has(task.record.state); });
  return static_cast<std::uint32_t>(count);
}

core::OwedRecord owed_of(const core::AttemptRecord& attempt) {
  return {.task = attempt.task,
          .attempt = attempt.attempt,
          .job = attempt.job,
          .owed = attempt.owed,
          .since = attempt.ended.value_or(core::Instant{})};
}

}  // namespace

// Every public method of the store is one call of a method here, and none of these waits: that makes it a transaction.
struct MemoryStore::State {
  std::function<core::Instant()> clock;
  std::int64_t incarnation = 0;
  std::int64_t last_run = 0;
  std::map<RunKey, StoredRun> runs;
  std::map<RunId, RunKey> by_id;
  std::map<ProjectId, std::vector<NodeView>> views;
  std::map<ProjectId, std::map<NodeId, std::size_t>> positions;  // in its view
  std::map<ProjectId, RunId> newest;
  std::set<ReplicaId> joined, gone;
  std::map<ProjectId, ProjectDocument> projects;
  struct Waiting {
    Outgoing message;
    core::Instant since;
  };
  std::map<std::int64_t, Waiting> outbox;
  std::int64_t last_message = 0;

  StoredRun* find(const RunKey& key) {
    const auto found = runs.find(key);
    return found == runs.end() ? nullptr : &found->second;
  }
  Result<RunKey> create(NewRun run);
  void view_new_run(const core::RunDefinition& definition, const std::vector<NodeId>& project_nodes);
  void view_task(const core::RunDefinition& definition, const core::TaskRecord& record);
  Result<Woken> wake(const RunKey& key, const std::vector<JobId>& jobs);
  Result<core::Ticket> begin(const BeginPass& pass);
  Result<Committed> commit(const core::Ticket& ticket, const core::Decision& decision);
  void progress(const ProgressWrite& write);
  [[nodiscard]] RunView view(const StoredRun& run) const;
};

Result<RunKey> MemoryStore::State::create(NewRun run) {
  if (auto bad = core::check_new_run(run.uuid, run.tasks, run.project_nodes)) return fail(std::move(*bad));
  std::int64_t iteration = 1;
  for (const auto& [key, other] : runs) {
    if (other.definition->uuid == run.uuid)
      return fail({.code = "store.bad_run", .what = "another run has this uuid", .where = core::to_text(key), .way_out = {}});
    if (key.project != run.project) continue;
    if (!run.collection.empty() && other.collection == run.collection) return fail(core::collection_exists(key));
    if (!core::is_final(other.row.record.result)) return fail(core::run_exists(key));
    if (key.user == run.user) iteration = std::max(iteration, key.iteration.value() + 1);
  }
  const RunKey key{run.user, run.project, Iteration(iteration)};
  auto& stored = runs[key];
  stored.collection = run.collection.empty() ? run.uuid.value() : std::move(run.collection);
  stored.metadata = std::move(run.metadata);
  stored.definition = std::make_shared<const core::RunDefinition>(core::RunDefinition{.id = RunId(++last_run),
                                                                                      .uuid = std::move(run.uuid),
                                                                                      .key = key,
                                                                                      .request = std::move(run.request),
                                                                                      .keep_going = run.keep_going,
                                                                                      .simulated = run.simulated,
                                                                                      .tasks = std::move(run.tasks)});
  const auto now = clock();
  stored.row.record.created = now;
  stored.tasks.resize(stored.definition->tasks.size());
  for (Index i = 0; i < stored.tasks.size(); ++i) {
    auto& record = stored.tasks[i].record;
    record.task = i;
    record.state_since = now;
    record.reasons = stored.definition->tasks[i].reasons;
    stored.changed_tasks.wrote(i, Fence(0));
  }
  by_id[stored.definition->id] = key;
  view_new_run(*stored.definition, run.project_nodes);
  return key;
}

// comp_tasks: the project's nodes as its document has them now; what is known of them stays.
void MemoryStore::State::view_new_run(const core::RunDefinition& definition, const std::vector<NodeId>& project_nodes) {
  std::map<NodeId, NodeView> before;
  for (auto& node : views[definition.key.project]) before.emplace(node.node, node);
  std::set<NodeId> in_run;
  for (const auto& task : definition.tasks) in_run.insert(task.node.id);
  std::vector<NodeView> nodes;
  auto& places = positions[definition.key.project];
  places.clear();
  for (const auto& id : project_nodes) {
    places.emplace(id, nodes.size());
    const auto known = before.find(id);
    auto node = known == before.end() ? NodeView{.node = id} : known->second;
    if (in_run.contains(id) && !definition.simulated) {  // what is pretended is no state of a node
      node.state = core::State::published;
      node.run = definition.id;
    }
    nodes.push_back(std::move(node));
  }
  views[definition.key.project] = std::move(nodes);
  newest[definition.key.project] = definition.id;
}

void MemoryStore::State::view_task(const core::RunDefinition& definition, const core::TaskRecord& record) {
  if (newest.at(definition.key.project) != definition.id) return;  // R3
  auto& nodes = views[definition.key.project];
  auto& node = nodes[positions.at(definition.key.project).at(definition.tasks[record.task].node.id)];
  if (!definition.simulated) node.state = record.state;
  if (record.success) (record.success->simulated ? node.simulated : node.success) = record.success;
}

Result<Woken> MemoryStore::State::wake(const RunKey& key, const std::vector<JobId>& jobs) {
  auto* run = find(key);
  if (run == nullptr) return fail(core::run_not_found(key));
  for (const auto& job : jobs) {
    const auto found = run->jobs.find(job);
    if (found == run->jobs.end()) continue;
    auto attempt = run->attempts.at(found->second);
    if (attempt.outcome == core::Outcome::open || attempt.owed != core::Owed::nothing) continue;
    attempt.owed = core::Owed::release;
    run->put(attempt,
             run->row.fence);  // written by no pass: it counts as written by the newest one, so that every later ticket brings it
  }
  run->reopen();
  Woken woken{.publish = false, .follower = run->row.follower};
  if (run->row.open) woken.publish = core::wake(run->row, clock());
  return woken;
}

Result<core::Ticket> MemoryStore::State::begin(const BeginPass& pass) {
  auto* run = find(pass.run);
  if (run == nullptr) return fail(core::run_not_found(pass.run));
  const auto now = clock();
  const auto begun = core::begin_pass(run->row, pass.replica, pass.excused, pass.failure, incarnation, now);
  if (begun != core::Begun::pass) return fail(core::pass_refused(begun, pass.run, run->row, now));
  core::Ticket ticket{
      .run = run->definition->id, .fence = run->row.fence, .mark = run->row.scheduled, .now = now, .record = run->row.record};
  ticket.record.processed = run->row.processed;
  const bool all = pass.known == Fence::none();
  if (all) ticket.definition = run->definition;
  for (const auto task : run->changed_tasks.since(pass.known)) ticket.tasks.push_back(run->tasks[task].record);
  for (const auto& attempt_key : run->changed_attempts.since(pass.known)) {
    const auto& attempt = run->attempts.at(attempt_key);
    if (attempt.outcome == core::Outcome::open || (all && attempt.owed == core::Owed::nothing)) continue;
    ticket.owed.push_back(owed_of(attempt));
  }
  return ticket;
}

Result<Committed> MemoryStore::State::commit(const core::Ticket& ticket, const core::Decision& decision) {
  const auto key = by_id.find(ticket.run);
  if (key == by_id.end()) return fail(core::run_fenced({}, false));
  auto& run = runs.at(key->second);
  if (!core::is_newest(run.row, ticket.fence)) return fail(core::run_fenced(key->second, core::is_pending(run.row)));
  for (const auto& record : decision.tasks) {
    BATON_ASSERT(record.task < run.tasks.size());
    auto& task = run.tasks[record.task];
    if (task.record.job != record.job) task.progress.reset();
    if (core::is_final(record.state)) task.progress = 1;
    task.record = record;
    run.changed_tasks.wrote(record.task, ticket.fence);
    view_task(*run.definition, record);
  }
  for (const auto& attempt : decision.attempts) run.put(attempt, ticket.fence);

  run.row.record.result = decision.result;
  run.row.record.started = decision.started;
  run.row.record.ended = decision.ended;
  run.row.record.no_room_since = decision.no_room_since;
  const bool woken = core::commit(run.row, ticket.mark, clock());
  run.row.wake_at = decision.wake_at;
  if (core::may_settle(woken)) {
    for (const auto& job : decision.settle) {
      const auto found = run.jobs.find(job);
      if (found == run.jobs.end()) continue;
      auto attempt = run.attempts.at(found->second);
      attempt.owed = core::settled(attempt.owed);
      run.put(attempt, ticket.fence);
    }
  }
  const auto in_line = [&](const auto& other) {
    return other.first.user == key->second.user && other.first != key->second && core::is_in_line(other.second.row);
  };
  Committed committed{.woken = woken, .line = std::ranges::any_of(runs, in_line)};
  for (const auto& announcement : decision.announcements) {
    Outgoing message{.id = ++last_message,
                     .run = key->second,
                     .run_id = ticket.run,
                     .fence = ticket.fence,
                     .n = static_cast<std::int32_t>(committed.messages.size()),
                     .node = announcement.task ? run.definition->tasks[*announcement.task].node.id : NodeId(),
                     .metadata = run.metadata,
                     .what = announcement};
    outbox.emplace(message.id, Waiting{message, clock()});
    ++run.untold;
    committed.messages.push_back(std::move(message));
  }
  run.reopen();
  committed.open = run.row.open;
  return committed;
}

void MemoryStore::State::progress(const ProgressWrite& write) {
  auto* run = find(write.run);
  if (run == nullptr || write.task >= run->tasks.size()) return;
  auto& task = run->tasks[write.task];
  if (task.record.job != write.job || !core::processing_states.has(task.record.state)) return;
  const auto progress = std::clamp(write.progress, 0.0, 1.0);
  if (!task.progress || *task.progress < progress) task.progress = progress;
}

RunView MemoryStore::State::view(const StoredRun& run) const {
  return {.id = run.definition->id,
          .uuid = run.definition->uuid,
          .key = run.definition->key,
          .record = run.row.record,
          .request = run.definition->request,
          .keep_going = run.definition->keep_going,
          .simulated = run.definition->simulated,
          .open = run.row.open,
          .fence = run.row.fence,
          .scheduled = run.row.scheduled,
          .processed = run.row.processed,
          .wake_at = run.row.wake_at,
          .last_failure = run.row.last_failure,
          .follower = run.row.follower,
          .collection = run.collection};
}

MemoryStore::MemoryStore(std::function<core::Instant()> clock) : state_(std::make_unique<State>()) {
  state_->clock = std::move(clock);
}
MemoryStore::~MemoryStore() = default;

awaitable<Result<void>> MemoryStore::put_project(ProjectDocument project) {
  auto& stored = state_->projects[project.id];
  if (!stored.id.value().empty() && stored.user != project.user) co_return fail(core::project_of_another(project.id));
  stored = std::move(project);
  co_return Result<void>();
}

awaitable<Result<ProjectDocument>> MemoryStore::project(ProjectId id) {
  const auto found = state_->projects.find(id);
  if (found == state_->projects.end()) co_return fail(core::project_not_found(id));
  co_return found->second;
}

awaitable<Result<void>> MemoryStore::restamp(ProjectId project, std::vector<Restamped> successes) {
  for (auto& restamped : successes)
    for (auto& node : state_->views[project])
      if (node.node == restamped.node && node.success && core::is_same(*node.success, *restamped.success))
        node.success = restamped.success;
  co_return Result<void>();
}

awaitable<Result<RunKey>> MemoryStore::create_run(NewRun run) { co_return state_->create(std::move(run)); }

awaitable<Result<Woken>> MemoryStore::wake(RunKey run, std::vector<JobId> jobs) { co_return state_->wake(run, jobs); }

awaitable<Result<Woken>> MemoryStore::desire(RunKey run, core::Desire desire) {
  auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  const bool publish = core::desire(stored->row, desire, state_->clock());
  co_return Woken{.publish = publish, .follower = stored->row.follower};
}

awaitable<Result<core::Ticket>> MemoryStore::begin_pass(BeginPass pass) { co_return state_->begin(pass); }

awaitable<Result<Committed>> MemoryStore::commit(core::Ticket ticket, core::Decision decision) {
  co_return state_->commit(ticket, decision);
}

awaitable<Result<void>> MemoryStore::write_progress(std::vector<ProgressWrite> writes) {
  for (const auto& write : writes) state_->progress(write);
  co_return Result<void>();
}

awaitable<Result<std::vector<RunKey>>> MemoryStore::due(DuePolicy policy, std::size_t max) {
  const auto now = state_->clock();
  std::vector<RunKey> found;
  for (const auto& [id, key] : state_->by_id) {
    if (found.size() == max) break;
    if (core::due(state_->runs.at(key).row, policy.revisit, policy.lost, state_->incarnation, now)) found.push_back(key);
  }
  co_return found;
}

awaitable<Result<void>> MemoryStore::join(ReplicaId replica) {
  state_->gone.erase(replica);
  state_->joined.insert(replica);
  co_return Result<void>();
}

awaitable<Result<bool>> MemoryStore::is_gone(ReplicaId replica) {
  co_return state_->joined.contains(replica) && state_->gone.contains(replica);
}

awaitable<Result<Crowd>> MemoryStore::crowd() {
  Crowd crowd;
  for (const auto& [key, run] : state_->runs) {
    if (!run.row.open || core::rests(run.row)) continue;
    if (const auto jobs = jobs_that_wait(run); jobs > 0) crowd.runs.push_back({key, jobs});
    if (core::is_in_line(run.row)) ++crowd.in_line[key.user];
  }
  co_return crowd;
}

awaitable<Result<std::vector<RunKey>>> MemoryStore::give_turns(UserId user, std::uint32_t waiting_max) {
  std::set<std::pair<core::Instant, RunKey>> waiting;
  std::size_t taken = 0;
  for (const auto& [key, run] : state_->runs) {
    if (key.user != user || !run.row.open || core::rests(run.row)) continue;
    taken += jobs_that_wait(run) + (core::has_turn(run.row) ? 1 : 0);
    if (core::is_in_line(run.row)) waiting.emplace(*run.row.record.no_room_since, key);
  }
  const auto now = state_->clock();
  std::vector<RunKey> given;
  for (const auto& [since, key] : waiting) {
    if (taken + given.size() >= waiting_max) break;
    core::give_turn(state_->runs.at(key).row, now);
    given.push_back(key);
  }
  co_return given;
}

awaitable<Result<std::vector<RunView>>> MemoryStore::held(std::size_t max) {
  std::vector<RunView> found;
  for (const auto& [id, key] : state_->by_id) {
    if (found.size() == max) break;
    const auto& run = state_->runs.at(key);
    if (run.row.open && run.row.record.held) found.push_back(state_->view(run));
  }
  co_return found;
}

awaitable<Result<Woken>> MemoryStore::release_held(RunKey run) {
  auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  const bool publish = core::release_held(stored->row, state_->clock());
  co_return Woken{.publish = publish, .follower = stored->row.follower};
}

awaitable<Result<std::vector<Outgoing>>> MemoryStore::outbox(core::Duration age, std::size_t max) {
  const auto now = state_->clock();
  std::vector<Outgoing> found;
  for (const auto& [id, waiting] : state_->outbox) {
    if (found.size() == max) break;
    if (waiting.since + age <= now) found.push_back(waiting.message);
  }
  co_return found;
}

awaitable<Result<void>> MemoryStore::told(std::vector<MessageId> messages) {
  for (const auto& name : messages) {
    const auto found = state_->outbox.find(name.number);
    if (found == state_->outbox.end() || found->second.message.fence != name.fence) continue;
    auto& run = state_->runs.at(found->second.message.run);
    --run.untold;
    run.reopen();
    state_->outbox.erase(found);
  }
  co_return Result<void>();
}

awaitable<Result<std::vector<RunKey>>> MemoryStore::changed(std::vector<Watched> runs) {
  std::vector<RunKey> found;
  for (const auto& watched : runs) {
    const auto* stored = state_->find(watched.run);
    if (stored == nullptr || stored->row.fence > watched.known) found.push_back(watched.run);
  }
  co_return found;
}

void MemoryStore::declare_gone(const ReplicaId& replica) { state_->gone.insert(replica); }

void MemoryStore::part_standby() { standby_ = std::make_unique<State>(*state_); }

bool MemoryStore::fail_over() {
  if (!standby_) return false;
  standby_->incarnation = state_->incarnation + 1;
  standby_->joined = std::move(state_->joined);  // who lives connects again
  standby_->gone = std::move(state_->gone);
  state_ = std::move(standby_);
  return true;
}

awaitable<Result<std::vector<RunKey>>> MemoryStore::orphans(std::size_t max) {
  const auto now = state_->clock();
  std::vector<RunKey> found;
  for (const auto& [id, key] : state_->by_id) {
    if (found.size() == max) break;
    auto& row = state_->runs.at(key).row;
    if (!row.open || core::rests(row) || !state_->gone.contains(row.follower)) continue;
    core::orphan(row, now);
    found.push_back(key);
  }
  co_return found;
}

awaitable<Result<std::vector<RunView>>> MemoryStore::runs(ProjectId project, std::size_t max) {
  std::vector<RunView> found;
  for (auto at = state_->by_id.rbegin(); at != state_->by_id.rend() && found.size() < max; ++at) {
    if (at->second.project == project) found.push_back(state_->view(state_->runs.at(at->second)));
  }
  co_return found;
}

awaitable<Result<RunView>> MemoryStore::run(RunKey run) {
  const auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  co_return state_->view(*stored);
}

awaitable<Result<std::vector<TaskView>>> MemoryStore::tasks(RunKey run, Fence since) {
  const auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  std::vector<TaskView> found;
  for (const auto index : stored->changed_tasks.since(since)) {
    const auto& task = stored->tasks[index];
    found.push_back({.node = stored->definition->tasks[index].node.id, .record = task.record, .progress = task.progress});
  }
  co_return found;
}

awaitable<Result<std::vector<core::AttemptRecord>>> MemoryStore::attempts(RunKey run, std::optional<NodeId> node) {
  const auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  std::vector<core::AttemptRecord> found;
  for (const auto& [key, attempt] : stored->attempts) {
    if (!node || stored->definition->tasks[key.first].node.id == *node) found.push_back(attempt);
  }
  co_return found;
}

awaitable<Result<std::shared_ptr<const core::RunDefinition>>> MemoryStore::definition(RunKey run) {
  const auto* stored = state_->find(run);
  if (stored == nullptr) co_return fail(core::run_not_found(run));
  co_return stored->definition;
}

awaitable<Result<std::vector<NodeView>>> MemoryStore::nodes(ProjectId project) {
  const auto found = state_->views.find(project);
  if (found == state_->views.end()) co_return std::vector<NodeView>{};
  co_return found->second;
}

}  // namespace baton
