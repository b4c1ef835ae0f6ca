#include "truth.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/decide.hpp"
#include "core/run_row.hpp"

namespace baton::simulation {
namespace {

using core::Outcome;
using core::State;

/// Of a push that no wake-up can have taken along: the worker does not have it.
constexpr auto no_wake_up_yet = std::numeric_limits<std::uint64_t>::max();
/// From "it is to be published" to the publishing, of a replica that is not stopped; less than the sweep for lost messages waits.
constexpr core::Duration promise_lasts = std::chrono::milliseconds(1500);

std::string name(const core::RunKey& run, const NodeId& node) { return core::to_text(run) + " '" + node.value() + "'"; }

// A store that writes and reads gives back another object that says the same.
bool same(core::TaskRecord a, core::TaskRecord b) {
  const auto one = std::exchange(a.success, nullptr);
  const auto other = std::exchange(b.success, nullptr);
  const bool same_success = one == other || (one && other && one->run == other->run && one->attempt == other->attempt &&
                                             one->key == other->key && one->products == other->products);
  return same_success && a == b;
}

}  // namespace

void Truth::violate(std::string what) {
  if (!violation_) violation_ = std::move(what);
}

std::vector<core::RunKey> Truth::runs() const {
  std::vector<core::RunKey> keys;
  for (const auto& [key, run] : runs_) keys.push_back(key);
  return keys;
}

std::vector<JobId> Truth::owing(const core::RunKey& run) const {
  std::vector<JobId> jobs;
  const auto attempts = world_.look(store_.attempts(run, std::nullopt));
  if (!attempts) return jobs;
  for (const auto& attempt : *attempts)
    if (attempt.outcome != Outcome::open && attempt.owed != core::Owed::nothing) jobs.push_back(attempt.job);
  return jobs;
}

// ---- what happens -------------------------------------------------------------------------------------------------------------

void Truth::created(const Result<core::RunKey>& run) {
  if (!run) return;
  auto definition = world_.look(store_.definition(*run));
  BATON_ASSERT(definition.has_value());
  auto& truth = runs_[*run];
  truth = {};
  truth.definition = *definition;
  by_id_[truth.definition->id] = *run;
  const auto tasks = world_.look(store_.tasks(*run, Fence::none()));
  BATON_ASSERT(tasks.has_value());
  for (const auto& task : *tasks) truth.tasks.push_back(task.record);
}

void Truth::began(const BeginPass& pass, const Result<core::Ticket>& ticket) {
  if (!ticket) return doubt(pass.run);
  auto& run = runs_.at(pass.run);
  if (ticket->fence <= run.highest)
    violate(core::to_text(pass.run) + ": begin_pass gave fence " + std::to_string(ticket->fence.value()) + " twice");
  run.newest = run.highest = ticket->fence;
  run.begun_by[ticket->fence] = pass.replica;
}

void Truth::committed(const core::Ticket& ticket, const core::Decision& decision, const Result<Committed>& answer) {
  const auto named = by_id_.find(ticket.run);
  if (named == by_id_.end()) {  // lost with the store's last commits
    if (answer) violate("a commit was taken of a run that is gone");
    return;
  }
  const auto& key = named->second;
  auto& run = runs_.at(key);
  if (!answer) {
    if (answer.error().code == "store.fenced") check_unchanged(key, run);
    return;
  }
  ++commits_;
  if (ticket.fence != run.newest)
    violate(core::to_text(key) + ": a commit with fence " + std::to_string(ticket.fence.value()) + " was taken, the newest is " +
            std::to_string(run.newest.value()));
  run.follower = run.begun_by[ticket.fence];
  for (const auto& attempt : decision.attempts) {
    check_attempt(run, attempt);
    run.attempts[attempt.job] = attempt;
    jobs_[attempt.job] = {key, attempt.task};
  }
  for (const auto& record : decision.tasks) {
    check_task(run, run.tasks[record.task], record);
    run.tasks[record.task] = record;
  }
  doubt(key);
}

void Truth::announced(const std::vector<Outgoing>& messages) {
  for (const auto& message : messages) untold_[message.name()] = message.run;
}
void Truth::removed(const std::vector<MessageId>& messages) {
  for (const auto& name : messages)
    if (const auto found = untold_.find(name); found != untold_.end())
      violate(core::to_text(found->second) + ": a message was removed from the outbox, and nobody has heard it");
}

void Truth::failed_over() {
  ++incarnation_;
  for (auto at = runs_.begin(); at != runs_.end();) {
    auto& [key, run] = *at;
    const auto view = world_.look(store_.run(key));
    if (!view || view->uuid != run.definition->uuid) {
      at = runs_.erase(at);
      continue;
    }
    run.newest = view->fence;
    run.follower = view->follower;
    run.attempts.clear();
    const auto attempts = world_.look(store_.attempts(key, std::nullopt));
    for (const auto& attempt : *attempts) run.attempts[attempt.job] = attempt;
    const auto tasks = world_.look(store_.tasks(key, Fence::none()));
    for (const auto& task : *tasks) run.tasks[task.record.task] = task.record;
    message_lost_.insert(key);
    ++at;
  }
  std::erase_if(by_id_, [&](const auto& entry) { return !runs_.contains(entry.second); });
  untold_.clear();
  const auto outbox = world_.look(store_.outbox(core::Duration::min() / 2, 1'000'000));
  for (const auto& message : *outbox)
    if (!heard_.contains(message.name())) untold_[message.name()] = message.run;
  doubt_all();
}

bool Truth::is_looked_after(const JobId& job) const {
  const auto found = jobs_.find(job);
  if (incarnation_ == 0 || found == jobs_.end()) return true;
  const auto run = runs_.find(found->second.first);
  return run != runs_.end() && run->second.attempts.contains(job);
}

// A late submission had been told of, and the store has lost that its release is owed again.
bool Truth::was_left_by_a_failover(const JobId& job) const {
  const auto found = jobs_.find(job);
  if (incarnation_ == 0 || found == jobs_.end()) return false;
  const auto attempts = world_.look(store_.attempts(found->second.first, std::nullopt));
  return attempts && std::ranges::any_of(*attempts, [&](const core::AttemptRecord& attempt) {
           return attempt.job == job && attempt.outcome != Outcome::open && attempt.owed == core::Owed::nothing;
         });
}

// A task's row as a pass has just written it.
void Truth::check_task(const RunTruth& run, const core::TaskRecord& before, const core::TaskRecord& after) {
  const auto& node = run.definition->tasks[after.task].node;
  const auto who = name(run.definition->key, node.id);
  if (core::is_final(before.state) && !same(before, after))
    violate(who + ": a final state changed, from " + std::string(core::to_text(before.state)) + " to " +
            std::string(core::to_text(after.state)));
  if (after.attempt < before.attempt) violate(who + ": an attempt was taken back");
  if (core::is_live(after.state) && !after.job) violate(who + ": a live state without a job id");
  if (after.state != State::success || before.state == State::success) return;
  if (!after.success) return violate(who + ": SUCCESS without a record of it");
  if (after.reused) {
    if (after.success != run.definition->tasks[after.task].previous &&
        !(after.success && run.definition->tasks[after.task].previous))
      violate(who + ": cut off early without an earlier success");
    return;
  }
  if (run.definition->simulated) return;
  const auto made = cluster_.made(*after.job);
  if (!made || made->products != after.success->products) violate(who + ": SUCCESS without its outputs");
  for (const auto& output : node.step->outputs)
    if (std::ranges::find(after.success->products, output.port, &core::Product::port) == after.success->products.end())
      violate(who + ": SUCCESS without output '" + output.port + "'");
}

void Truth::check_attempt(const RunTruth& run, const core::AttemptRecord& attempt) {
  const auto& node = run.definition->tasks[attempt.task].node;
  const auto who = name(run.definition->key, node.id) + " attempt " + std::to_string(attempt.attempt);
  const auto before = run.attempts.find(attempt.job);
  if (before != run.attempts.end() && before->second.outcome != Outcome::open && before->second.outcome != attempt.outcome)
    violate(who + ": the end of an attempt changed");
  if (attempt.outcome == Outcome::open || attempt.outcome == Outcome::succeeded) return;
  const auto executing = cluster_.executing();
  const bool runs = std::ranges::find(executing, attempt.job) != executing.end();
  const bool dead = cluster_.declared_dead(attempt.job);
  if (runs && !dead && attempt.owed != core::Owed::kill)
    violate(who + ": ended as " + std::string(core::to_text(attempt.outcome)) +
            " while its job runs and nobody declared it dead");
  if (attempt.outcome == Outcome::lost && cluster_.made(attempt.job) && !dead) violate(who + ": finished work was thrown away");
}

// A refused commit has written nothing.
void Truth::check_unchanged(const core::RunKey& key, const RunTruth& run) {
  const auto tasks = world_.look(store_.tasks(key, Fence::none()));
  if (!tasks) return;
  for (const auto& task : *tasks)
    if (!same(task.record, run.tasks[task.record.task])) violate(name(key, task.node) + ": a fenced commit wrote");
}

void Truth::begins(const core::Job& job) {
  const auto who = name(job.run, job.node) + " attempt " + std::to_string(job.attempt);
  if (!begun_.insert(job.id).second) return violate(who + ": two beginnings of one job");
  const auto known = jobs_.find(job.id);
  if (known == jobs_.end()) return violate(who + ": began without an attempt in the store");
  if (!is_looked_after(job.id)) return;  // sent by a commit that the store has lost
  const auto& run = runs_.at(known->second.first);
  // Where the cancel patience ran out nothing is proven, and killing it stays owed (R11).
  const auto& attempt = run.attempts.at(job.id);
  if (attempt.outcome != Outcome::open && attempt.owed != core::Owed::kill)
    violate(who + ": began after the end of its attempt was written");
  const auto& node = run.definition->tasks[known->second.second].node;
  for (const auto before : core::predecessors(node))
    if (run.tasks[before].state != State::success)
      violate(who + ": began before '" + run.definition->tasks[before].node.id.value() + "' had succeeded");
  for (const auto& other : cluster_.executing()) {
    const auto found = jobs_.find(other);
    if (other != job.id && found != jobs_.end() && found->second == known->second && is_looked_after(other) &&
        !cluster_.declared_dead(other))
      violate(who + ": began while an earlier attempt runs");
  }
  doubt(job.run);
}

void Truth::pushed(World::Who who, const std::vector<Push>& pushes, bool handed) {
  for (const auto& push : pushes) seated_.at(who).news[push.run] = handed ? ++last_push_ : no_wake_up_yet;
}

void Truth::woke(World::Who who, const core::RunKey& run, std::uint64_t until) {
  doubt(run);
  const auto seat = seated_.find(who);
  if (seat == seated_.end()) return;
  const auto news = seat->second.news.find(run);
  if (news != seat->second.news.end() && news->second <= until) seat->second.news.erase(news);
}

void Truth::joined(World::Who who, const ReplicaId& replica, const MemoryBackend& backend) {
  seated_[who] = {replica, &backend, {}};
  alive_.insert(replica);
}

// Design, "what a crash does": a late submission for an ended attempt whose replica is killed before it tells of it.
void Truth::leave_to_the_audit(const core::RunKey& key) {
  const auto attempts = world_.look(store_.attempts(key, std::nullopt));
  if (!attempts) return;
  const auto held = cluster_.held();
  for (const auto& attempt : *attempts)
    if (attempt.outcome != Outcome::open && attempt.owed == core::Owed::nothing &&
        std::ranges::find(held, attempt.job) != held.end())
      cluster_.make_stray(attempt.job);
}

void Truth::left(World::Who who) {
  const auto& seat = seated_.at(who);
  for (const auto& [key, run] : runs_)
    if (seat.news.contains(key) || seat.backend->has_pushes(key)) leave_to_the_audit(key);
  alive_.erase(seated_.at(who).replica);
  for (auto& [run, promises] : promised_)
    if (promises.erase(who) > 0) message_lost_.insert(run);
  seated_.erase(who);
  doubt_all();
}

void Truth::doubt_job(const JobId& job) {
  if (const auto found = jobs_.find(job); found != jobs_.end()) doubt(found->second.first);
}
void Truth::doubt_all() {
  for (const auto& [key, run] : runs_) doubted_.insert(key);
}

// ---- an open run always has a next event -----------------------------------------------------------------------------------------

void Truth::check_doubted() {
  for (const auto& key : std::exchange(doubted_, {})) {
    const auto found = runs_.find(key);
    if (found == runs_.end() || has_message(key)) continue;
    const auto view = world_.look(store_.run(key));
    if (!view) continue;
    const bool pending = view->scheduled && (!view->processed || *view->scheduled > *view->processed);
    if (!pending) message_lost_.erase(key);
    if (!view->open || !view->scheduled || view->wake_at || (view->record.held && view->record.desire == core::Desire::run))
      continue;
    if (pending) {
      const auto promised = promised_.find(key);
      const bool comes = promised != promised_.end() && !promised->second.empty();
      if (!comes && !message_lost_.contains(key)) violate(core::to_text(key) + ": its mark is pending, and no message was sent");
    } else if (!somebody_knows(key, found->second)) {
      if (const auto what = left_to_do(found->second, *view)) violate(core::to_text(key) + ": known to nobody: " + *what);
    }
  }
}

void Truth::must_publish(World::Who who, const core::RunKey& run, bool told) {
  if (told) {
    promised_[run][who] = world_.now() + promise_lasts;
  } else {
    message_lost_.insert(run);
  }
}

void Truth::published(const core::RunKey& run, bool arrives) {
  promised_.erase(run);
  if (arrives) {
    message_lost_.erase(run);
  } else {
    message_lost_.insert(run);
  }
  doubt(run);
}

void Truth::stopped(World::Who who, core::Duration span) {
  for (auto& [run, promises] : promised_)
    if (const auto promise = promises.find(who); promise != promises.end()) promise->second += span;
}

void Truth::expire_promises() {
  for (auto& [run, promises] : promised_) {
    for (auto at = promises.begin(); at != promises.end();) {
      if (at->second > world_.now()) {
        ++at;
        continue;
      }
      at = promises.erase(at);
      doubt(run);
    }
  }
}

bool Truth::has_message(const core::RunKey& key) const {
  const auto flying = flying_.find(key);
  return broker_.holds(key) || (flying != flying_.end() && flying->second > 0);
}

// A push that was not yet made a wake-up, or a follower whose absence the manager sees.
bool Truth::somebody_knows(const core::RunKey& key, const RunTruth& run) const {
  if (run.follower != ReplicaId() && !alive_.contains(run.follower)) return true;
  if (core::incarnation_of(run.newest) < incarnation_) return true;
  return std::ranges::any_of(seated_, [&](const auto& entry) {
    const auto& [who, seat] = entry;
    return seat.news.contains(key) || seat.backend->has_pushes(key) || seat.backend->is_fetching(key);
  });
}

// What a pass would do that saw everything as it is.
std::optional<std::string> Truth::left_to_do(const RunTruth& truth, const RunView& view) const {
  core::Ticket ticket{.run = view.id,
                      .fence = view.fence,
                      .mark = view.scheduled,
                      .now = clock_(),
                      .record = view.record,
                      .definition = truth.definition,
                      .tasks = truth.tasks,
                      .owed = {}};
  const auto attempts = world_.look(store_.attempts(view.key, std::nullopt));
  std::vector<core::Observation> seen;
  for (const auto& attempt : *attempts) {
    const bool ended = attempt.outcome != Outcome::open;
    if (ended && attempt.owed == core::Owed::nothing) continue;
    if (ended)
      ticket.owed.push_back({.task = attempt.task,
                             .attempt = attempt.attempt,
                             .job = attempt.job,
                             .owed = attempt.owed,
                             .since = attempt.ended.value_or(ticket.now)});
    seen.push_back(cluster_.truth(attempt.job));
  }
  core::Run run;
  run.apply(ticket);
  auto policy = policy_;
  const auto waiting = run.count(State::pending) + run.count(State::waiting_for_resources);
  policy.room = 2 * cluster_.slots() > waiting ? 2 * cluster_.slots() - waiting : 0;
  // Others may hold the room; then the next end of one of its own jobs brings a pass.
  if (view.record.no_room_since && run.count(State::pending) + run.count(State::started) > 0) policy.room = 0;
  const auto decision = core::decide(run, seen, policy, ticket.now);
  const auto node = [&](Index task) { return "'" + truth.definition->tasks[task].node.id.value() + "'"; };
  if (!decision.attempts.empty()) return "the end or beginning of an attempt of " + node(decision.attempts.front().task);
  if (!decision.submit.empty()) return "a job to submit of '" + decision.submit.front().node.value() + "'";
  if (!decision.bar.empty()) return "a job to bar: " + decision.bar.front().value();
  if (!decision.release.empty()) return "a job to release: " + decision.release.front().value();
  if (!decision.settle.empty()) return "a release to settle: " + decision.settle.front().value();
  for (const auto& record : decision.tasks)
    if (record.state != truth.tasks[record.task].state)
      return node(record.task) + " to become " + std::string(core::to_text(record.state));
  return std::nullopt;
}

// ---- at the end ------------------------------------------------------------------------------------------------------------------

std::optional<std::string> Truth::unfinished(const core::RunKey& key) {
  const auto view = world_.look(store_.run(key));
  if (!view) return core::to_text(key) + ": " + view.error().what;
  if (!core::is_final(view->record.result))
    return core::to_text(key) + " is " + std::string(core::to_text(view->record.result)) + (view->record.held ? " and held" : "");
  if (view->open) return core::to_text(key) + " is final and still open";
  if (view->scheduled && (!view->processed || *view->scheduled > *view->processed))
    return core::to_text(key) + ": its mark is pending";
  return std::nullopt;
}

std::optional<std::string> Truth::leftover() const {
  for (const auto& job : cluster_.held())
    if (is_looked_after(job) && !was_left_by_a_failover(job)) return "held in the backend: " + job.value();
  for (const auto& job : cluster_.executing())
    if (is_looked_after(job)) return "still executing: " + job.value();
  if (!untold_.empty()) return core::to_text(untold_.begin()->second) + ": a message was never heard";
  for (const auto& [key, run] : runs_) {
    for (Index i = 0; i < run.tasks.size(); ++i)
      if (!core::is_final(run.tasks[i].state))
        return name(key, run.definition->tasks[i].node.id) + " is " + std::string(core::to_text(run.tasks[i].state)) +
               " in a run that has ended";
  }
  return std::nullopt;
}

}  // namespace baton::simulation
