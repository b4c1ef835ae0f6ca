#include "core/decide.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "core/key.hpp"
#include "core/mutants.hpp"
#include "core/transition.hpp"

namespace baton::core {
namespace {

/// One call of decide: the run as read, and over it what changes.
class Pass {
 public:
  Pass(const Run& run, const Policy& policy, Instant now) : run_(run), policy_(policy), now_(now) {}

  Decision decide(std::span<const Observation> seen) {
    apply_news(seen);
    pursue();
    expire_waits();
    fail_what_nobody_can_run();
    if (desired_of_run() != Desired::run) abort_what_has_not_started();
    if (mutant(Mutant::propagated_again)) abort_again();
    start_what_is_ready();
    settle_what_is_owed(seen);
    finish();
    return std::move(out_);
  }

 private:
  // ---- the view: rows, and the changes over them ------------------------------------------------------------------------
  const TaskRecord& at(Index i) const {
    const auto changed = changes_.find(i);
    return changed == changes_.end() ? run_.task(i) : changed->second;
  }
  TaskRecord& change(Index i) { return changes_.try_emplace(i, run_.task(i)).first->second; }
  std::uint32_t count(State state) const {
    return static_cast<std::uint32_t>(static_cast<std::int64_t>(run_.count(state)) + delta_[static_cast<std::size_t>(state)]);
  }
  void enter(Index i, State state) {
    auto& record = change(i);
    if (record.state == state) {
      if (mutant(Mutant::wait_restarted)) record.state_since = now_;
      return;
    }
    --delta_[static_cast<std::size_t>(record.state)];
    ++delta_[static_cast<std::size_t>(state)];
    record.state = state;
    record.state_since = now_;
  }

  Desired desired_of_run() const {
    if (run_.record().desire != Desire::run) return Desired::cancel;
    return count(State::failed) > 0 && !run_.definition().keep_going ? Desired::drain : Desired::run;
  }
  Desired desired_of(Index i) const {
    const auto desired = desired_of_run();
    if (desired != Desired::run || !policy_.waits_may_expire) return desired;
    const auto& limit = run_.definition_of(i).node.step->limits.waiting;
    const auto& record = at(i);
    if (limit && record.ready_since && waiting_for_start_states.has(record.state) && now_ >= *record.ready_since + *limit)
      return Desired::expire;
    if (record.state == State::waiting_for_resources && now_ >= record.state_since + policy_.lacking_max) return Desired::expire;
    return Desired::run;
  }

  // ---- when to look again (R16) ---------------------------------------------------------------------------------------
  void wake_by(Instant when) { out_.wake_at = out_.wake_at ? std::min(*out_.wake_at, when) : when; }
  /// Doubles by itself: the longer it lasts, the longer it may last.
  void ask_again(Instant since) { wake_by(now_ + std::clamp(now_ - since, policy_.ask_again_min, policy_.ask_again_max)); }

  // ---- 1. news of live jobs -------------------------------------------------------------------------------------------
  void apply_news(std::span<const Observation> seen) {
    std::map<Index, const Observation*> news;  // by task, so that the order of the answers does not matter
    for (const auto& observation : seen)
      if (const auto task = run_.live_task(observation.job)) news[*task] = &observation;
    // What ends a task may make the run drain: it is taken first, so that the rest is judged by one desire.
    constexpr Set<Seen> ends{Seen::done, Seen::erred}, proofs{Seen::barred, Seen::dead};
    for (const auto& [i, observation] : news)
      if (ends.has(observation->seen)) take(i, *observation);
    for (const auto& [i, observation] : news)
      if (proofs.has(observation->seen)) take(i, *observation);
    expire_unstarted();
    for (const auto& [i, observation] : news)
      if (!ends.has(observation->seen) && !proofs.has(observation->seen)) take(i, *observation);
  }

  void take(Index i, const Observation& observation) {
    const auto& rule = rule_for(desired_of(i), at(i).state, observation.seen);
    apply(rule.then, i, &observation);
    taken_.insert(i);
  }

  // ---- 2. what is pursued in every pass, heard of or not ----------------------------------------------------------------
  void pursue() {
    const auto desired = desired_of_run();
    if (desired == Desired::cancel) give_up_after_patience();
    if (desired != Desired::run)
      for (const auto i : run_.live())
        if (!taken_.contains(i) && is_handed_over(at(i))) {
          const auto last_seen = at(i).state == State::started ? Seen::running : Seen::queued;
          apply(rule_for(desired, at(i).state, last_seen).then, i, nullptr);
        }
    for (const auto i : run_.unseen())
      if (!taken_.contains(i) && is_handed_over(at(i))) ask_again(at(i).state_since);
  }

  /// R11: after the cancel patience a cancelled run ends; killing what is not confirmed dead stays owed.
  void give_up_after_patience() {
    const auto& since = run_.record().desired_at;
    if (!since) return;
    if (!policy_.waits_may_expire) return wake_by(now_ + policy_.ask_again_min);  // R5
    if (now_ < *since + policy_.cancel_patience) {
      if (!run_.live().empty()) wake_by(*since + policy_.cancel_patience);
      return;
    }
    for (const auto i : run_.live()) {
      if (!is_handed_over(at(i))) continue;
      change(i).errors = {
          Error{.code = "cancel.not_confirmed", .what = "the job was not confirmed dead", .where = at(i).job->value()}};
      end_attempt(i, Outcome::aborted, nullptr, Owed::kill);
      out_.cancel.push_back({*at(i).job, true});
      enter(i, State::aborted);
      taken_.insert(i);
    }
  }

  // ---- 3. waits with a limit ------------------------------------------------------------------------------------------
  void expire_waits() {
    if (desired_of_run() != Desired::run) return;
    if (!policy_.waits_may_expire) {  // R5: looked at again by a clock that stands; the run's deadlines have their own next event
      if (run_.count(State::waiting_for_resources) > 0) wake_by(now_ + policy_.ask_again_min);
      return;
    }
    for (const auto& [when, i] : run_.deadlines()) {
      if (when > now_) break;
      if (!taken_.contains(i) && is_handed_over(at(i)) && desired_of(i) == Desired::expire) expire_handed_over(i, Seen::queued);
    }
    expire_lacking();
  }
  void expire_unstarted() {
    if (!policy_.waits_may_expire || desired_of_run() != Desired::run) return;
    for (const auto& [when, i] : run_.deadlines()) {
      if (when > now_) break;
      if (!is_handed_over(at(i)) && desired_of(i) == Desired::expire) fail_waiting(i);
    }
  }
  /// Their limit is the policy's, so it is not among the run's deadlines; and nobody tells that nothing has changed.
  void expire_lacking() {
    if (run_.count(State::waiting_for_resources) == 0) return;
    for (const auto i : run_.live()) {
      if (taken_.contains(i) || at(i).state != State::waiting_for_resources) continue;
      if (desired_of(i) == Desired::expire)
        expire_handed_over(i, Seen::lacking);
      else
        wake_by(at(i).state_since + policy_.lacking_max);
    }
  }

  void expire_handed_over(Index i, Seen last_seen) {
    apply(rule_for(Desired::expire, at(i).state, last_seen).then, i, nullptr);
    taken_.insert(i);
  }

  /// Before anything is begun in vain: in the run's first pass.
  void fail_what_nobody_can_run() {
    if (desired_of_run() != Desired::run) return;
    for (const auto i : run_.not_runnable()) {
      if (!to_start_states.has(at(i).state)) continue;
      const auto& step = *run_.definition_of(i).node.step;
      const auto& why = step.image.empty() ? step.description : "its service is '" + step.image + "'";
      fail(i, {.code = "node.not_runnable",
               .what = "no backend here can run this node" + (why.empty() ? "" : ": " + why),
               .where = step.name,
               .way_out = "give it a command, or run it where that service is"});
    }
  }

  // ---- the steps --------------------------------------------------------------------------------------------------------
  void apply(Transition step, Index i, const Observation* observation) {
    switch (step) {
      case Transition::wait:
        if (mutant(Mutant::started_again) && at(i).state == State::started) return started(i, observation);
        return heard(i, State::started == at(i).state ? Waiting::nothing : Waiting::backend);
      case Transition::wait_for_result:
        if (mutant(Mutant::success_before_outputs)) return succeed_without_outputs(i);
        return heard(i, Waiting::result);
      case Transition::ask_again: return doubt(i, observation && observation->elsewhere ? Waiting::elsewhere : at(i).waiting);
      case Transition::wait_for_proof: return doubt(i, Waiting::proof);
      case Transition::queue: return queued(i, State::pending, Waiting::backend);
      case Transition::lack: return queued(i, State::waiting_for_resources, Waiting::resources);
      case Transition::start: return started(i, observation);
      case Transition::submit:
        if (mutant(Mutant::unsent_waited_for)) return heard(i, Waiting::backend);
        return send_again(i);
      case Transition::bar:
        if (mutant(Mutant::no_bar)) return desired_of(i) == Desired::run ? lose(i, true) : abort(i, observation);
        return bar(i);
      case Transition::cancel: return cancel(i);
      case Transition::succeed: return succeed(i, *observation);
      case Transition::fail: return failed(i, *observation);
      case Transition::lose: return lose(i, true);
      case Transition::try_anew: return lose(i, false);
      case Transition::abort: return abort(i, observation);
      case Transition::expire: return expire(i);
    }
    BATON_UNREACHABLE();
  }

  void heard(Index i, Waiting waiting) {
    const auto& record = at(i);
    if (record.seen && record.waiting == waiting) return;
    auto& changed = change(i);
    changed.seen = true;
    changed.waiting = waiting;
  }
  /// No answer that settles anything: `seen` goes down, so that every pass asks for the job until there is one.
  void doubt(Index i, Waiting waiting) {
    const auto& record = at(i);
    if (record.seen || record.waiting != waiting) {
      auto& changed = change(i);
      changed.seen = false;
      changed.waiting = waiting;
    }
    ask_again(std::max(record.state_since, run_.record().desired_at.value_or(record.state_since)));
  }
  void queued(Index i, State state, Waiting waiting) {
    heard(i, waiting);
    enter(i, state);
    if (state == State::waiting_for_resources) wake_by(at(i).state_since + policy_.lacking_max);
  }
  void started(Index i, const Observation* observation) {
    heard(i, Waiting::nothing);
    enter(i, State::started);
    auto& record = change(i);
    record.started = observation && observation->started ? observation->started : now_;
    if (observation) record.log = observation->log;
  }
  void send_again(Index i) {
    out_.submit.push_back(job_of(run_, i, at(i).attempt, changes_));
    doubt(i, Waiting::backend);
  }
  void bar(Index i) {
    out_.bar.push_back(*at(i).job);
    doubt(i, Waiting::proof);
  }
  void cancel(Index i) {
    out_.cancel.push_back({*at(i).job, policy_.kill});
    doubt(i, Waiting::proof);
  }

  void succeed(Index i, const Observation& observation) {
    const auto& end = *observation.end;
    const auto& definition = run_.definition_of(i);
    if (!run_.definition().simulated)
      if (auto wrong = check_products(*definition.node.step, end.products)) {
        auto bad = std::make_shared<JobEnd>(end);
        bad->kind = EndKind::output;
        bad->error = std::move(wrong);
        return failed(i, {.job = observation.job, .seen = Seen::erred, .end = std::move(bad)});
      }
    end_attempt(i, Outcome::succeeded, &end, Owed::release);
    auto& record = change(i);
    auto success = std::make_shared<Success>();
    success->run = run_.definition().id;
    success->iteration = run_.definition().key.iteration;
    success->attempt = record.attempt;
    success->key = key_with(definition, end.moved);
    success->products = end.products;
    success->stamps = definition.stamps;
    success->submitted = record.submitted.value_or(now_);
    success->started = record.started.value_or(now_);
    success->ended = record.ended.value_or(now_);
    success->log = end.log;
    success->simulated = run_.definition().simulated;
    finish_with(i, std::move(success));
  }
  void succeed_without_outputs(Index i) {  // a mutant
    end_attempt(i, Outcome::succeeded, nullptr, Owed::release);
    auto success = std::make_shared<Success>();
    for (const auto& output : run_.definition_of(i).node.step->outputs) success->products.push_back({output.port, Value{"null"}});
    finish_with(i, std::move(success));
  }
  void finish_with(Index i, std::shared_ptr<const Success> success) {
    auto& record = change(i);
    record.success = std::move(success);
    record.waiting = Waiting::nothing;
    record.errors.clear();
    enter(i, State::success);
    newly_succeeded_.push_back(i);
  }

  void failed(Index i, const Observation& observation) {
    const auto& end = *observation.end;
    const auto& retries = run_.definition_of(i).node.step->retries;
    end_attempt(i, Outcome::failed, &end, Owed::release);
    auto& record = change(i);
    ++record.failures;
    if (may_retry(retries, end.kind) && record.failures <= retries.max && desired_of_run() == Desired::run) {
      const auto doublings = std::min(record.failures - 1, 16);
      const auto pause = std::min<Duration>(retries.backoff * (std::int64_t{1} << doublings), std::chrono::hours(1));
      return again(i, "retry: " + std::string(to_text(end.kind)), pause);
    }
    fail(i, end.error.value_or(Error{.code = "runtime", .what = "the job failed"}));
  }
  void lose(Index i, bool counts) {
    const auto error = Error{.code = counts ? "task-not-found-in-computational-backend" : "job.barred",
                             .what = counts ? "the job began and was lost: its worker is gone" : "the job was never begun",
                             .where = at(i).job->value()};
    end_attempt(i, counts ? Outcome::lost : Outcome::barred, nullptr, Owed::release);
    auto& record = change(i);
    record.errors = {error};
    if (!out_.attempts.empty()) out_.attempts.back().errors = {error};
    if (counts) ++record.lost;
    if (record.lost <= run_.definition_of(i).node.step->retries.lost && desired_of_run() == Desired::run)
      return again(i, counts ? "lost: its worker is gone" : "never begun", Duration::zero());
    fail(i, error);
  }
  void again(Index i, std::string why, Duration pause) {
    auto& record = change(i);
    record.ready_since.reset();
    record.waiting = pause > Duration::zero() ? Waiting::retry : Waiting::nothing;
    record.not_before = pause > Duration::zero() ? std::optional(now_ + pause) : std::nullopt;
    enter(i, State::published);
    why_[i] = std::move(why);
    to_start_again_.push_back(i);
  }
  void abort(Index i, const Observation* observation) {
    const auto* end = observation ? observation->end.get() : nullptr;
    end_attempt(i, Outcome::aborted, end, Owed::release);
    change(i).waiting = Waiting::nothing;
    enter(i, State::aborted);
  }
  void expire(Index i) {
    end_attempt(i, Outcome::barred, nullptr, Owed::release);
    fail_waiting(i);
  }
  void fail_waiting(Index i) {
    fail(i, {.code = "runtime.waiting",
             .what = "it waited longer than its limit without beginning",
             .way_out = "raise `timeout: {waiting: …}`, or free what it waits for"});
  }

  /// FAILED, and with it what can no longer run (R10).
  void fail(Index i, Error error) {
    auto& record = change(i);
    record.errors = {std::move(error)};
    record.waiting = Waiting::nothing;
    if (!record.ended) record.ended = now_;
    enter(i, State::failed);
    std::deque<Index> next(run_.dag().successors[i].begin(), run_.dag().successors[i].end());
    while (!next.empty()) {
      const auto after = next.front();
      next.pop_front();
      if (!to_start_states.has(at(after).state)) continue;
      abort_unstarted(after);
      next.insert(next.end(), run_.dag().successors[after].begin(), run_.dag().successors[after].end());
    }
  }
  void abort_unstarted(Index i) {
    auto& record = change(i);
    record.waiting = Waiting::nothing;
    record.not_before.reset();
    record.ended = now_;
    enter(i, State::aborted);
  }
  void abort_what_has_not_started() {
    for (const auto i : run_.to_start())
      if (to_start_states.has(at(i).state)) abort_unstarted(i);
    for (const auto i : to_start_again_)
      if (to_start_states.has(at(i).state)) abort_unstarted(i);
    to_start_again_.clear();
  }

  void abort_again() {  // a mutant
    for (Index i = 0; i < run_.size(); ++i)
      if (run_.task(i).state == State::aborted) abort_unstarted(i);
  }

  void end_attempt(Index i, Outcome outcome, const JobEnd* end, Owed owed) {
    auto& record = change(i);
    record.ended = end && end->ended ? end->ended : now_;
    if (end && end->started) record.started = end->started;
    record.exit_code = end ? end->exit_code : std::nullopt;
    if (end && !end->log.empty()) record.log = end->log;
    if (end && end->error) record.errors = {*end->error};
    record.seen = true;
    out_.attempts.push_back({.task = i,
                             .attempt = record.attempt,
                             .job = *record.job,
                             .outcome = outcome,
                             .owed = owed,
                             .submitted = record.submitted,
                             .started = record.started,
                             .ended = record.ended,
                             .exit_code = record.exit_code,
                             .log = record.log,
                             .errors = outcome == Outcome::succeeded ? std::vector<Error>{} : record.errors});
    if (owed == Owed::release) release(*record.job);
  }
  void release(const JobId& job) { out_.release.push_back(job); }

  // ---- 4. starting ------------------------------------------------------------------------------------------------------
  void start_what_is_ready() {
    std::set<Index> ready;
    for (const auto i : to_start_again_)
      if (!at(i).not_before) ready.insert(i);
    for (const auto& [when, i] : run_.deadlines()) {
      if (when > now_) break;
      if (to_start_states.has(at(i).state) && at(i).not_before && *at(i).not_before <= now_ &&
          run_.unfinished_predecessors(i) == 0)
        ready.insert(i);
    }
    const bool go = desired_of_run() == Desired::run && !run_.record().held;
    // Cut-offs cascade: each may make others ready. They need no room, so all are found before the first job takes any.
    std::deque<Index> looked_at;
    while (!newly_succeeded_.empty() || !looked_at.empty()) {
      while (!newly_succeeded_.empty()) {
        const auto done = newly_succeeded_.front();
        newly_succeeded_.pop_front();
        for (const auto next : run_.dag().successors[done]) {
          const auto left = waits_.try_emplace(next, run_.unfinished_predecessors(next)).first;
          if (--left->second == 0 && to_start_states.has(at(next).state) && !at(next).not_before) looked_at.push_back(next);
        }
      }
      if (looked_at.empty()) break;
      const auto i = looked_at.front();
      looked_at.pop_front();
      if (!go || !to_start_states.has(at(i).state)) continue;
      if (is_up_to_date(i))
        cut_off(i);
      else
        ready.insert(i);
    }
    if (!go) return;
    start_within_room(ready);
  }

  void start_within_room(const std::set<Index>& newly_ready) {
    // What began, or ended, in this pass has left its room: also what waited for resources.
    auto room = std::int64_t{policy_.room};
    for (const auto waits : {State::pending, State::waiting_for_resources})
      room += static_cast<std::int64_t>(run_.count(waits)) - static_cast<std::int64_t>(count(waits));
    auto a = run_.ready().begin();
    auto b = newly_ready.begin();
    while (a != run_.ready().end() || b != newly_ready.end()) {  // both in order of the document
      const bool take_a = b == newly_ready.end() || (a != run_.ready().end() && *a <= *b);
      const auto i = take_a ? *a : *b;
      if (take_a && b != newly_ready.end() && *b == i) ++b;
      take_a ? ++a : ++b;
      if (!to_start_states.has(at(i).state)) continue;
      if (room <= 0 || policy_.yields) {
        wait_for_room(i);
        if (!run_.has_waiting_limits()) break;  // the rest waits as well, and nobody counts its time
        continue;
      }
      --room;
      start(i);
    }
  }
  void wait_for_room(Index i) {
    // Who has had some goes to the end of the line.
    if (!out_.no_room_since) out_.no_room_since = out_.submit.empty() ? run_.record().no_room_since.value_or(now_) : now_;
    // Events of our own live jobs bring the next pass; without any, others hold the room, and give us our turn.
    if (count(State::pending) + count(State::started) == 0 && !mutant(Mutant::no_room_no_wake))
      wake_by(now_ + policy_.no_room_max);
    if (run_.definition_of(i).node.step->limits.waiting && !at(i).ready_since) change(i).ready_since = now_;
  }
  /// Of an attempt whose reason was not found in this pass: the first, or a retry after its back-off.
  static std::string why_now(const TaskRecord& record) {
    if (record.attempt == 1) return "planned";
    return record.errors.empty() ? "retry" : "retry: " + record.errors.front().code;
  }
  void start(Index i) {
    auto& record = change(i);
    ++record.attempt;
    record.job = job_id(run_.definition().key.user, run_.definition().key.project, run_.definition().uuid,
                        run_.definition_of(i).node.id, record.attempt);
    record.seen = false;
    record.waiting = Waiting::backend;
    record.not_before.reset();
    if (!record.ready_since) record.ready_since = now_;
    record.submitted = now_;
    record.started.reset();
    record.ended.reset();
    record.exit_code.reset();
    record.log.clear();
    enter(i, State::pending);
    const auto why = why_.find(i);
    out_.attempts.push_back({.task = i,
                             .attempt = record.attempt,
                             .job = *record.job,
                             .why = why == why_.end() ? why_now(record) : why->second,
                             .submitted = now_});
    out_.submit.push_back(job_of(run_, i, record.attempt, changes_));
    ask_again(now_);
  }

  // ---- early cut-off ------------------------------------------------------------------------------------------------------
  /// The key with what was made upstream filled in; what moved while the task ran is never equal to anything.
  Key key_with(const TaskDefinition& definition, std::span<const std::string> moved) const {
    auto key = definition.key;
    const auto has_moved = [&](const std::string& path) { return std::ranges::find(moved, path) != moved.end(); };
    for (const auto& input : definition.node.inputs) {
      if (const auto* from = std::get_if<From>(&input.source))
        key.inputs[input.port] = digest_of_sources(*from, has_moved);
      else if (const auto* file = std::get_if<FileInput>(&input.source); file && has_moved(file->path))
        key.inputs[input.port].clear();
    }
    for (const auto& script : definition.node.step->files)
      if (has_moved(script.path)) key.definition.clear();
    return key;
  }
  template <class HasMoved>
  std::string digest_of_sources(const From& from, const HasMoved& has_moved) const {
    std::vector<std::string> digests;
    for (const auto& source : from.sources) {
      const auto* product = source.given ? &*source.given : made_at(source);
      if (product == nullptr) return {};
      const auto* stamp = std::get_if<Stamp>(&product->content);
      if (stamp && has_moved(stamp->path)) return {};
      digests.push_back(digest_of(*product));
    }
    return from.gather ? gathered_digest(digests) : digests.front();
  }
  /// Null: not made yet.
  const Product* made_at(const From::Source& source) const {
    const auto& made = at(source.node).success;
    if (!made) return nullptr;
    const auto product = std::ranges::find(made->products, source.port, &Product::port);
    return product == made->products.end() ? nullptr : &*product;
  }
  bool is_up_to_date(Index i) const {
    const auto& definition = run_.definition_of(i);
    if (!definition.may_cut_off || at(i).attempt > 0) return false;
    if (run_.definition().simulated) return false;
    const auto key = key_with(definition, {});
    const bool all_known = std::ranges::none_of(key.inputs, [](const auto& input) { return input.second.empty(); });
    return all_known && key == definition.previous->key;
  }
  void cut_off(Index i) {
    auto& record = change(i);
    record.reused = true;
    record.log = run_.definition_of(i).previous->log;
    finish_with(i, run_.definition_of(i).previous);
  }

  // ---- 5. what ended attempts owe (R9) -----------------------------------------------------------------------------------
  void settle_what_is_owed(std::span<const Observation> seen) {
    if (run_.owed().empty()) return;
    std::map<JobId, const Observation*> news;
    for (const auto& observation : seen)
      if (run_.owed().contains(observation.job)) news[observation.job] = &observation;
    for (const auto& [job, owed] : run_.owed()) {
      const auto found = news.find(job);
      const auto what = found == news.end() ? Seen::silent : found->second->seen;
      switch (settlement(owed.owed, what)) {
        case Settlement::settle: out_.settle.push_back(job); continue;
        case Settlement::prove: out_.settle.push_back(job); [[fallthrough]];
        case Settlement::release: release(job); break;
        case Settlement::bar: out_.bar.push_back(job); break;
        case Settlement::kill: out_.cancel.push_back({job, true}); break;
        case Settlement::wait: break;
      }
      ask_again(owed.since);
    }
  }

  // ---- 6. the run ---------------------------------------------------------------------------------------------------------
  void finish() {
    for (auto& [i, record] : changes_)
      if (!(record == run_.task(i))) out_.tasks.push_back(std::move(record));
    StateSet states;
    for (int s = 0; s < state_count; ++s)
      if (count(static_cast<State>(s)) > 0) states.add(static_cast<State>(s));
    out_.result = aggregate(states);
    const auto& before = run_.record();
    const bool any_started = count(State::started) + count(State::success) + count(State::failed) > 0;
    out_.started = before.started ? before.started : any_started ? std::optional(now_) : std::nullopt;
    const bool ended = is_final(out_.result) && states.within(final_states);
    out_.ended = !ended ? std::nullopt : before.ended ? before.ended : std::optional(now_);
    if (out_.acts()) ask_again(now_);
    if (!ended) wake_for_deadlines();
    if (policy_.announce) out_.announcements = announcements(run_, out_, now_);
    if (mutant(Mutant::no_next_event)) out_.wake_at.reset();
  }
  void wake_for_deadlines() {
    for (const auto& [when, i] : run_.deadlines()) {
      if (changed(i)) continue;
      wake_by(when <= now_ ? now_ + policy_.ask_again_min : when);
      if (when > now_) break;  // one that is past must not hide the next
    }
    for (const auto& record : out_.tasks)
      if (const auto when = deadline_of(run_.definition_of(record.task), record))
        wake_by(*when <= now_ ? now_ + policy_.ask_again_min : *when);
  }
  bool changed(Index i) const { return std::ranges::binary_search(out_.tasks, i, {}, &TaskRecord::task); }

  static bool is_handed_over(const TaskRecord& record) { return record.job && processing_states.has(record.state); }

  const Run& run_;
  const Policy& policy_;
  Instant now_;
  Decision out_;
  std::map<Index, TaskRecord> changes_;
  std::array<std::int64_t, state_count> delta_{};
  std::set<Index> taken_;
  std::map<Index, std::uint32_t> waits_;  ///< predecessors left, where they changed in this pass
  std::map<Index, std::string> why_;
  std::vector<Index> to_start_again_;  ///< PUBLISHED again in this pass: for a retry or after a loss
  std::deque<Index> newly_succeeded_;
};

}  // namespace

Decision decide(const Run& run, std::span<const Observation> seen, const Policy& policy, Instant now) {
  BATON_ASSERT(run.known());
  return Pass(run, policy, now).decide(seen);
}

}  // namespace baton::core
