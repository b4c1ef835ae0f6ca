#include "backend/memory/memory_cluster.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "backend/memory/memory_backend.hpp"

namespace baton {
namespace {

using core::Claim;
using core::Duration;
using core::EndKind;
using core::Seen;

// A content that depends on the job and the port alone.
std::string digest_text(std::string_view text) {
  std::string digest;
  std::uint64_t hash = 14695981039346656037ULL;
  for (int block = 0; block < 4; ++block) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    for (int shift = 60; shift >= 0; shift -= 4)
      digest.push_back("0123456789abcdef"[(hash >> static_cast<unsigned>(shift)) & 15U]);
  }
  return digest;
}

core::Products products_of(const core::Job& job) {
  core::Products products;
  for (const auto& output : job.step->outputs) {
    const auto name = job.id.value() + "/" + output.port;
    switch (output.kind) {
      case core::OutputKind::file:
      case core::OutputKind::directory:
        products.push_back({output.port, core::Stamp{.path = "/out/" + name, .stat = "0", .digest = digest_text(name)}});
        break;
      case core::OutputKind::number: products.push_back({output.port, core::Value{"0.5"}}); break;
      case core::OutputKind::integer: products.push_back({output.port, core::Value{"42"}}); break;
      case core::OutputKind::boolean: products.push_back({output.port, core::Value{"true"}}); break;
      case core::OutputKind::string:
      case core::OutputKind::json: products.push_back({output.port, core::Value{"\"" + digest_text(name) + "\""}}); break;
    }
  }
  return products;
}

Error error_of(EndKind kind, std::int32_t exit_code) {
  const auto text = std::string(core::to_text(kind));
  return {.code = kind == EndKind::exit ? "runtime" : "runtime." + text,
          .what = "ended by " + text + " " + std::to_string(exit_code),
          .where = {},
          .way_out = {}};
}

}  // namespace

MemoryCluster::MemoryCluster(Runtime& runtime, Options options, std::function<Fate(const core::Job&)> fates)
    : runtime_(runtime), options_(options), fates_(std::move(fates)), gate_(runtime.gate()), slot_free_(runtime.event()) {}

MemoryCluster::~MemoryCluster() = default;

awaitable<void> MemoryCluster::stop() {
  stopping_ = true;
  slot_free_->notify();
  for (auto& [id, record] : records_) {
    record.kill = true;
    if (record.stopped) record.stopped->notify();
  }
  co_await gate_->empty();
}

std::vector<JobId> MemoryCluster::held() const {
  std::vector<JobId> jobs;
  for (const auto& [id, record] : records_)
    if (record.key != Key::absent && !record.stray) jobs.push_back(id);
  return jobs;
}

std::vector<JobId> MemoryCluster::stray() const {
  std::vector<JobId> jobs;
  for (const auto& [id, record] : records_)
    if (record.key != Key::absent && record.stray) jobs.push_back(id);
  return jobs;
}

std::vector<JobId> MemoryCluster::executing() const {
  std::vector<JobId> jobs;
  for (const auto& [id, record] : records_)
    if (record.executes) jobs.push_back(id);
  return jobs;
}

int MemoryCluster::beginnings(const JobId& job) const {
  const auto found = records_.find(job);
  return found == records_.end() ? 0 : found->second.beginnings;
}

std::shared_ptr<const core::JobEnd> MemoryCluster::made(const JobId& job) const {
  const auto found = records_.find(job);
  const bool good = found != records_.end() && found->second.end && found->second.end->kind == EndKind::ok;
  return good ? found->second.end : nullptr;
}

bool MemoryCluster::declared_dead(const JobId& job) const {
  const auto found = records_.find(job);
  return found != records_.end() && found->second.dead;
}

core::Observation MemoryCluster::truth(const JobId& job) const { return look(job, true); }

core::Observation MemoryCluster::look(const JobId& job, bool fetched) const {
  const auto found = records_.find(job);
  core::Observation observation{.job = job, .seen = Seen::unknown, .started = {}, .log = {}, .end = {}};
  if (found == records_.end()) return observation;
  const auto& record = found->second;
  const auto ended = [&] {
    observation.seen = record.end->kind == EndKind::ok ? Seen::done : Seen::erred;
    observation.end = record.end;
    return observation;
  };
  switch (record.key) {
    case Key::queued: observation.seen = record.fate.lacking ? Seen::lacking : Seen::queued; return observation;
    case Key::running:
      observation.seen = Seen::running;
      observation.started = record.started;
      observation.log = "/log/" + job.value();
      return observation;
    case Key::ended:
      if (fetched) return ended();
      observation.seen = Seen::finished;
      return observation;
    case Key::absent:
      if (record.released) return observation;
      break;
    case Key::gave_up: break;
  }
  // What the backend does not know is completed by its claim (R15).
  if (record.claim == Claim::bar) observation.seen = Seen::barred;
  if (record.claim == Claim::job) {
    if (record.end) return ended();
    observation.seen = record.dead ? Seen::dead : Seen::begun;
  }
  return observation;
}

MemoryCluster::Record& MemoryCluster::record(const JobId& job, const core::RunKey& run) {
  auto& record = records_[job];
  record.run = run;
  return record;
}

void MemoryCluster::submit(core::Job job) {
  auto& held = record(job.id, job.run);
  if (!held.sent) {
    held.job = std::move(job);
    held.sent = true;
    held.fate = fates_(held.job);
    held.stopped = runtime_.event();
  }
  if (held.key != Key::absent) return;
  held.key = Key::queued;
  held.released = false;
  held.stray = false;
  tell(held.job.id, "queued");
  gate_->spawn(live(held.job.id, ++held.turn));
}

void MemoryCluster::bar(Record& barred) {
  // The answer is the claim's, also of a job that was released: nobody can bar what has begun.
  core::take(barred.claim, Claim::bar);
  barred.released = false;
  if (barred.claim == Claim::bar && barred.key == Key::queued) forget(barred);
}

void MemoryCluster::cancel(Record& cancelled, bool hard) {
  if (core::take(cancelled.claim, Claim::bar)) {
    forget(cancelled);
    push(cancelled);
    cancelled.released = false;
    return;
  }
  if (!cancelled.executes) return;
  cancelled.stop = EndKind::cancelled;
  cancelled.kill = cancelled.kill || hard;
  cancelled.stopped->notify();
  if (options_.forgets_cancelled && cancelled.key == Key::running) forget(cancelled);
}

void MemoryCluster::release(Record& released) {
  if (released.executes || released.key == Key::running) return;
  if (released.key == Key::queued && released.claim == Claim::none) return;
  forget(released);
  released.released = true;
  const auto job = released.job.id;
  for (const auto& [id, client] : clients_) client->forget(released.run, job);
}

void MemoryCluster::forget(Record& forgotten) {
  forgotten.key = Key::absent;
  ++forgotten.turn;
}

void MemoryCluster::push(const Record& changed) {
  for (const auto& [id, client] : clients_) client->told(changed.run, changed.job.id);
}

void MemoryCluster::tell(const JobId& job, std::string_view what) const {
  if (witness_.tells) witness_.tells(job, what);
}

// ---- a key's way from queued to its end ---------------------------------------------------------------------------------------

awaitable<bool> MemoryCluster::take_slot() {
  while (busy_ >= options_.slots && !stopping_) co_await slot_free_->wait();
  if (stopping_) co_return false;
  ++busy_;
  co_return true;
}

void MemoryCluster::free_slot() {
  --busy_;
  slot_free_->notify();
}

awaitable<void> MemoryCluster::live(JobId job, std::uint64_t turn) {
  auto& held = records_.at(job);
  if (held.fate.queued > Duration::zero()) co_await runtime_.sleep(held.fate.queued);
  if (held.turn != turn) co_return;
  const bool has_slot = co_await take_slot();
  if (!has_slot) co_return;
  if (held.turn != turn || stopping_) {
    free_slot();
    co_return;
  }
  // The job's first act: its claim (R15).
  if (core::take(held.claim, Claim::job)) {
    co_await execute(job, turn);
  } else {
    give_up(held);
  }
  free_slot();
}

void MemoryCluster::give_up(Record& second) {
  const bool heard =
      std::ranges::any_of(clients_, [&](const auto& entry) { return entry.second->follows(second.run, second.job.id); });
  second.stray = !heard;
  if (second.claim == Claim::job && second.end) {
    tell(second.job.id, "finds its result and does not repeat");
    second.key = Key::ended;
  } else {
    tell(second.job.id, "finds its claim taken and gives up");
    // A client that hears of it lets go of the key at once; with nobody to hear, it stays.
    second.key = heard ? Key::absent : Key::gave_up;
  }
  push(second);
}

awaitable<void> MemoryCluster::execute(JobId job, std::uint64_t turn) {
  auto& held = records_.at(job);
  const auto& fate = held.fate;
  const auto& limits = held.job.step->limits;
  if (witness_.begins) witness_.begins(held.job);
  tell(job, "begins");
  ++held.beginnings;
  held.executes = true;
  held.key = Key::running;
  held.started = runtime_.wall();
  push(held);

  // What happens, and when, is clear from the beginning, but for what somebody asks for meanwhile.
  auto ends = fate.runs;
  auto kind = fate.end;
  const auto limit = [&](Duration when, EndKind by) {
    if (when >= ends) return;
    ends = when + (fate.ignores_term ? limits.grace : std::min(fate.stops_after, limits.grace));
    kind = by;
  };
  if (limits.silence && fate.quiet_from) limit(*fate.quiet_from + *limits.silence, EndKind::silence);
  if (limits.run) limit(*limits.run, EndKind::timeout);
  const auto began = runtime_.steady();
  const auto progress_at = ends / 2;
  bool told = false;
  while (!stopping_) {
    const auto passed = runtime_.steady() - began;
    if (held.stop == EndKind::cancelled && kind != EndKind::cancelled) {
      kind = EndKind::cancelled;
      ends = std::min(ends, passed + (fate.ignores_term ? limits.grace : std::min(fate.stops_after, limits.grace)));
    }
    if (held.kill) ends = passed;
    if (!told && passed >= progress_at) {
      told = true;
      for (const auto& [id, client] : clients_)
        if (client->follows(held.run, job)) client->progress_.push_back({held.run, job, 0.5});
    }
    const bool may_be_upset = fate.upset != Upset::none && fate.upset != Upset::result_lost && !held.retired;
    if (may_be_upset && passed >= fate.upset_at) {
      upset(held, turn);
      if (!held.executes) co_return;
    }
    if (passed >= ends) break;
    auto next = told ? ends : std::min(ends, progress_at);
    if (may_be_upset && !held.retired) next = std::min(next, fate.upset_at);
    co_await held.stopped->wait_for(std::max(next - passed, Duration(1)));
  }
  held.executes = false;
  if (stopping_) co_return;
  write_end(held, turn, kind);
}

void MemoryCluster::write_end(Record& ended, std::uint64_t turn, EndKind kind) {
  auto end = std::make_shared<core::JobEnd>();
  end->kind = kind;
  const bool ok = kind == EndKind::ok;
  end->exit_code = ok ? 0 : kind == EndKind::exit ? ended.fate.exit_code : 143;
  if (ok && !ended.job.simulated) end->products = ended.fate.products ? *ended.fate.products : products_of(ended.job);
  if (!ok) end->error = error_of(kind, *end->exit_code);
  end->started = ended.started;
  end->ended = runtime_.wall();
  end->log = "/log/" + ended.job.id.value();
  ended.end = std::move(end);
  tell(ended.job.id, ok ? "ends well" : "ends badly");
  if (ended.turn != turn) return;  // the key was forgotten, or runs elsewhere: nobody is told, the record lies beside the claim
  ended.key = Key::ended;
  push(ended);
  if (ended.fate.upset == Upset::result_lost && !ended.retired) {
    ended.retired = true;
    tell(ended.job.id, "its result is lost, the key runs again");
    ended.key = Key::queued;
    gate_->spawn(live(ended.job.id, ++ended.turn));
    push(ended);
  }
}

void MemoryCluster::upset(Record& struck, std::uint64_t turn) {
  struck.retired = true;
  const auto what = struck.fate.upset;
  const bool dies = what == Upset::forgotten_and_dead || what == Upset::worker_dies;
  const bool again = what == Upset::worker_dies || what == Upset::worker_retires;
  static constexpr std::array<std::string_view, upset_count> texts{"",
                                                                   "is forgotten, its worker is gone",
                                                                   "is forgotten, its worker goes on",
                                                                   "loses its worker, the key runs again",
                                                                   "goes on on a worker that retires, the key runs again",
                                                                   "",
                                                                   "is forgotten, its worker lives and is declared dead"};
  tell(struck.job.id, texts.at(static_cast<std::size_t>(what)));
  if (dies) {
    struck.executes = false;
    gate_->spawn(declare_dead(struck.job.id, struck.fate.death_seen));
  }
  if (what == Upset::declared_dead) struck.dead = true;
  if (struck.turn != turn) return;
  forget(struck);
  if (again) {
    struck.key = Key::queued;
    gate_->spawn(live(struck.job.id, ++struck.turn));
  }
  push(struck);
}

awaitable<void> MemoryCluster::declare_dead(JobId job, Duration after) {
  if (after > Duration::zero()) co_await runtime_.sleep(after);
  auto& gone = records_.at(job);
  gone.dead = true;
  tell(job, "its worker is declared dead");
  push(gone);
}

}  // namespace baton
