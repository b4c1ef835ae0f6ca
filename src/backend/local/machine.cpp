#include "backend/local/machine.hpp"

#include <signal.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace baton::local {
namespace {

constexpr std::int32_t overtaken_max = 16;       // then nothing behind it begins before it does
constexpr std::size_t looked_through_max = 256;  // of the queue, for one that fits: a free slot costs no walk over thousands
constexpr std::int64_t silence_looks = 8;        // per silence limit: it is found an eighth late at most
constexpr std::int64_t look_min_us = 20'000;
constexpr std::int64_t look_max_us = 10'000'000;
constexpr std::int64_t room_retry_us = 1'000'000;
constexpr std::size_t record_overhead = 128;  // of a begin: sums, numbers, kind

std::size_t record_bytes(const Spec& spec) { return 2 * (spec.id.size() + spec.ticket.size()) + record_overhead; }

}  // namespace

/// Answers are made last, as they go out behind the news: who takes a job from an answer has missed nothing that was told of it before.
Machine::Out Machine::take() {
  auto out = std::exchange(out_, {});
  for (const auto& [from, query] : std::exchange(questions_, {})) {
    Answer answer{.token = query.token};
    for (const auto& id : query.jobs) answer.reports.push_back(report(id));
    out.answers.emplace_back(from, std::move(answer));
  }
  return out;
}

Machine::Job* Machine::find(const std::string& id) {
  const auto found = serials_.find(id);
  return found == serials_.end() ? nullptr : &jobs_.at(found->second);
}

Machine::Job& Machine::add(const std::string& id, Status status) {
  const auto serial = next_++;
  auto& job = jobs_[serial];
  job.spec.id = id;
  job.status = status;
  serials_[id] = serial;
  return job;
}

void Machine::erase(Serial serial) {
  const auto found = jobs_.find(serial);
  const auto named = serials_.find(found->second.spec.id);
  if (named != serials_.end() && named->second == serial) serials_.erase(named);
  jobs_.erase(found);
}

// ---- what connections say -----------------------------------------------------------------------------------------------------
void Machine::heard(Connection from, Request request, Moment now) {
  if (auto* hello = std::get_if<Hello>(&request)) {
    slots_ = std::max(1u, hello->slots);
    capacity_ = std::move(hello->capacity);
    sort_out_lacking();
  } else if (auto* begins = std::get_if<Begin>(&request)) {
    for (auto& spec : begins->jobs) begin(from, std::move(spec), now);
  } else if (const auto* bars = std::get_if<Bar>(&request)) {
    for (const auto& id : bars->jobs) bar(id, now);
  } else if (const auto* stops = std::get_if<Stop>(&request)) {
    for (const auto& [id, hard] : stops->jobs) stop(id, hard, now);
  } else if (const auto* forgets = std::get_if<Forget>(&request)) {
    for (const auto& id : forgets->jobs) forget(id, now);
  } else if (const auto* query = std::get_if<Query>(&request)) {
    questions_.emplace_back(from, *query);
  }
}

void Machine::begin(Connection from, Spec spec, Moment now) {
  if (auto* known = find(spec.id)) {
    if (known->status == Status::queued || known->status == Status::lacking) known->connection = from;
    return tell(serials_.at(spec.id), *known);
  }
  if (gone_.contains(hash_of(spec.id)))
    return bar_unknown(spec.id, now);  // the one who sent it late is told that it will not begin
  auto& job = add(spec.id, can_ever(spec) ? Status::queued : Status::lacking);
  const auto serial = serials_.at(spec.id);
  job.connection = from;
  job.spec = std::move(spec);
  auto& line = job.status == Status::queued ? queue_ : lacking_;
  job.place = line.insert(line.end(), serial);
  if (job.status == Status::lacking) tell(serial, job);
}

/// One that was released is a job again until it is released once more: its proof has to be there for whoever asks, whenever it asks.
void Machine::bar_unknown(const std::string& id, Moment now) {
  gone_.erase(hash_of(id));
  auto& job = add(id, Status::barred);
  const auto serial = serials_.at(id);
  job.claimed_us = now.wall_us;
  out_.records.emplace_back(BarredRecord{serial, now.wall_us, id});
  tell(serial, job);
}

void Machine::bar_queued(Serial serial, Job& job, Moment now) {
  (job.status == Status::queued ? queue_ : lacking_).erase(job.place);
  job.spec = Spec{.id = std::move(job.spec.id)};
  job.status = Status::barred;
  job.claimed_us = now.wall_us;
  out_.records.emplace_back(BarredRecord{serial, now.wall_us, job.spec.id});
  tell(serial, job);
}

void Machine::bar(const std::string& id, Moment now) {
  auto* job = find(id);
  if (job == nullptr) return bar_unknown(id, now);
  const auto serial = serials_.at(id);
  if (job->status == Status::queued || job->status == Status::lacking) return bar_queued(serial, *job, now);
  tell(serial, *job);
}

void Machine::stop(const std::string& id, bool hard, Moment now) {
  auto* job = find(id);
  if (job == nullptr || job->status != Status::running) return bar(id, now);
  const auto serial = serials_.at(id);
  if (!hard) return end_softly(serial, *job, Reason::cancelled, now);
  if (job->reason == Reason::none) job->reason = Reason::cancelled;
  job->kill_sent = true;
  if (job->pid != 0) out_.signals.push_back({job->pid, true});
  set_due(serial, *job, now);
}

void Machine::end_softly(Serial serial, Job& job, Reason reason, Moment now) {
  if (job.term_sent || job.kill_sent) return;
  job.reason = reason;
  job.term_sent = true;
  if (job.pid != 0) out_.signals.push_back({job.pid, false});
  set_due(serial, job, now);
}

void Machine::forget(const std::string& id, Moment now) {
  const auto* job = find(id);
  if (job != nullptr) {
    if (job->status == Status::running || job->status == Status::queued || job->status == Status::lacking) return;
    const auto hash = hash_of(id);
    gone_[hash] = now.wall_us;
    out_.records.emplace_back(GoneRecord{hash, now.wall_us});
    erase(serials_.at(id));
  }
  out_.news.push_back({.id = id, .status = Status::unknown});
}

void Machine::disconnected(Connection connection) {
  for (auto* line : {&queue_, &lacking_})
    for (auto at = line->begin(); at != line->end();) {
      const auto serial = *at++;
      auto& job = jobs_.at(serial);
      if (job.connection != connection) continue;
      out_.news.push_back({.id = job.spec.id, .status = Status::unknown});  // another Baton may follow it, and send it itself
      line->erase(job.place);
      erase(serial);
    }
}

Report Machine::report(Serial, const Job& job, bool with_ticket) const {
  return {.id = job.spec.id,
          .status = job.status,
          .reason = job.reason,
          .code = job.code,
          .signal = job.signal,
          .started_us = job.started_us,
          .ended_us = job.ended_us,
          .inode = job.inode,
          .ticket = with_ticket ? job.spec.ticket : std::string()};
}

Report Machine::report(const std::string& id) {
  const auto* job = find(id);
  return job == nullptr ? Report{.id = id} : report(serials_.at(id), *job, true);
}

// ---- what becomes of processes ----------------------------------------------------------------------------------------------------
void Machine::spawned(Serial serial, std::int32_t pid, std::int64_t start_ticks, std::uint64_t inode, std::uint64_t oom_kills,
                      Moment now) {
  auto& job = jobs_.at(serial);
  --spawning_;
  job.pid = pid;
  job.start_ticks = start_ticks;
  job.inode = inode;
  job.oom_kills = oom_kills;
  job.started_us = now.wall_us;
  job.started_steady = now.steady_us;
  job.log_moved = now.steady_us;
  pids_[pid] = serial;
  out_.records.emplace_back(PidRecord{serial, pid, start_ticks, inode});
  if (job.kill_sent || job.term_sent) out_.signals.push_back({pid, job.kill_sent});  // stopped while it was being made
  set_due(serial, job, now);
  tell(serial, job);
}

void Machine::spawn_failed(Serial serial, int error, Moment now) {
  auto& job = jobs_.at(serial);
  --spawning_;
  job.reason = Reason::spawn;
  job.code = error;
  job.started_us = now.wall_us;
  ended(serial, job, now);
}

void Machine::claim_failed(Spawn spawn, Moment now) {
  auto& job = jobs_.at(spawn.serial);
  --spawning_;
  occupy(job.spec, -1);
  job.status = Status::queued;
  job.spec = std::move(spawn.job);
  job.place = queue_.insert(queue_.begin(), spawn.serial);
  room_retry_ = now.steady_us + room_retry_us;
}

void Machine::exited(std::int32_t pid, std::int32_t code, std::int32_t signal, std::uint64_t oom_kills, Moment now) {
  const auto found = pids_.find(pid);
  if (found == pids_.end()) return;
  const auto serial = found->second;
  auto& job = jobs_.at(serial);
  job.code = code;
  job.signal = signal;
  const bool killed = code == 128 + SIGKILL;  // itself, or by a shell that tells of its child
  if (killed && job.reason == Reason::none && oom_kills > job.oom_kills) job.reason = Reason::oom;
  if (code == 0 && job.reason == Reason::cancelled) job.reason = Reason::none;  // it was done before it heard of it
  pids_.erase(found);
  ended(serial, job, now);
}

void Machine::ended(Serial serial, Job& job, Moment now) {
  occupy(job.spec, -1);
  if (job.due != 0) due_.erase({job.due, serial});
  job.due = 0;
  job.status = Status::ended;
  job.ended_us = now.wall_us;
  out_.records.emplace_back(EndRecord{serial, job.reason, job.code, job.signal, job.started_us, job.ended_us});
  tell(serial, job);
}

// ---- time ---------------------------------------------------------------------------------------------------------------------------
/// When to look at a running job next: its KILL, the end of its run time, or the next look at its log.
void Machine::set_due(Serial serial, Job& job, Moment now) {
  if (job.due != 0) due_.erase({job.due, serial});
  job.due = 0;
  const auto by = [&](std::int64_t when) { job.due = job.due == 0 ? when : std::min(job.due, when); };
  if (job.kill_sent) return;
  if (job.term_sent) {
    by(now.steady_us + job.spec.grace_us);
  } else {
    if (job.spec.run_us > 0) by(job.started_steady + job.spec.run_us);
    if (job.spec.silence_us > 0) {
      const auto pause = std::clamp(job.spec.silence_us / silence_looks, look_min_us, look_max_us);
      by(std::min(now.steady_us + pause, std::max(job.log_moved + job.spec.silence_us, now.steady_us + look_min_us)));
    }
  }
  if (job.due != 0) due_.insert({job.due, serial});
}

void Machine::tick(Moment now, std::size_t room) {
  while (!due_.empty() && due_.begin()->first <= now.steady_us) {
    const auto serial = due_.begin()->second;
    due_.erase(due_.begin());
    auto& job = jobs_.at(serial);
    job.due = 0;
    if (job.term_sent) {
      job.kill_sent = true;
      out_.signals.push_back({job.pid, true});
    } else if (job.spec.run_us > 0 && now.steady_us >= job.started_steady + job.spec.run_us) {
      end_softly(serial, job, Reason::timeout, now);
    } else {
      out_.looks.push_back({serial, job.spec.folder + ".log"});
      set_due(serial, job, now);
    }
  }
  begin_what_may(now, room);
}

void Machine::log_size(Serial serial, std::uint64_t bytes, Moment now) {
  const auto found = jobs_.find(serial);
  if (found == jobs_.end() || found->second.status != Status::running || found->second.term_sent) return;
  auto& job = found->second;
  if (bytes != job.log_bytes) {
    job.log_bytes = bytes;
    job.log_moved = now.steady_us;
  } else if (now.steady_us >= job.log_moved + job.spec.silence_us) {
    end_softly(serial, job, Reason::silence, now);
  }
}

std::optional<std::int64_t> Machine::next_deadline() const {
  std::optional<std::int64_t> next;
  if (!due_.empty()) next = due_.begin()->first;
  if (room_retry_ != 0) next = next ? std::min(*next, room_retry_) : room_retry_;
  return next;
}

// ---- slots and resources ------------------------------------------------------------------------------------------------------------
bool Machine::can_ever(const Spec& spec) const {
  return std::ranges::all_of(spec.resources, [this](const auto& need) {
    const auto there = capacity_.find(need.first);
    return there == capacity_.end() || need.second <= there->second;
  });
}

bool Machine::fits(const Spec& spec) const {
  return std::ranges::all_of(spec.resources, [this](const auto& need) {
    const auto there = capacity_.find(need.first);
    const auto used = used_.find(need.first);
    return there == capacity_.end() || (used == used_.end() ? 0.0 : used->second) + need.second <= there->second + 1e-9;
  });
}

void Machine::occupy(const Spec& spec, double sign) {
  for (const auto& [name, amount] : spec.resources) used_[name] += sign * amount;
}

void Machine::sort_out_lacking() {
  for (auto* from : {&queue_, &lacking_})
    for (auto at = from->begin(); at != from->end();) {
      const auto serial = *at++;
      auto& job = jobs_.at(serial);
      const auto status = can_ever(job.spec) ? Status::queued : Status::lacking;
      if (status == job.status) continue;
      from->erase(job.place);
      auto& to = status == Status::queued ? queue_ : lacking_;
      job.place = to.insert(to.end(), serial);
      job.status = status;
      tell(serial, job);
    }
}

/// First come, first served; one whose resources are not free lets smaller ones pass, but only so many of them.
void Machine::begin_what_may(Moment now, std::size_t room) {
  wanted_room_ = 0;
  room_retry_ = 0;
  std::vector<Serial> passed;
  std::size_t looked = 0;
  for (auto at = queue_.begin(); at != queue_.end() && running() < slots_ && looked < looked_through_max; ++looked) {
    const auto serial = *at++;
    auto& job = jobs_.at(serial);
    if (!fits(job.spec)) {
      if (job.overtaken >= overtaken_max) return;
      passed.push_back(serial);
      continue;
    }
    if (record_bytes(job.spec) > room) {  // a claim that cannot be written is not taken
      wanted_room_ = record_bytes(job.spec);
      room_retry_ = now.steady_us + room_retry_us;
      return;
    }
    room -= record_bytes(job.spec);
    for (const auto bigger : passed) ++jobs_.at(bigger).overtaken;
    queue_.erase(job.place);
    job.status = Status::running;
    job.claimed_us = now.wall_us;
    occupy(job.spec, +1);
    ++spawning_;
    out_.records.emplace_back(BeginRecord{serial, now.wall_us, job.spec.id, job.spec.ticket});
    Spec kept{.id = job.spec.id,
              .folder = job.spec.folder,
              .resources = job.spec.resources,
              .run_us = job.spec.run_us,
              .silence_us = job.spec.silence_us,
              .grace_us = job.spec.grace_us,
              .ticket = job.spec.ticket};
    out_.spawns.push_back({serial, job.connection, std::exchange(job.spec, std::move(kept))});
  }
}

}  // namespace baton::local
