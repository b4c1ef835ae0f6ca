#include "backend/memory/memory_backend.hpp"

#include <algorithm>
#include <utility>

namespace baton {
namespace {
using core::Seen;
}

MemoryBackend::MemoryBackend(MemoryCluster& cluster, Runtime& runtime)
    : cluster_(cluster), id_(++cluster.last_client_), pushed_(runtime.event()) {
  cluster_.clients_[id_] = this;
}

MemoryBackend::~MemoryBackend() { cluster_.clients_.erase(id_); }

awaitable<Result<void>> MemoryBackend::submit(std::vector<core::Job> jobs) {
  for (auto& job : jobs) {
    const auto run = job.run;
    const auto id = job.id;
    cluster_.submit(std::move(job));
    follow(run, id);
    // One that is further than queued is news to the one who sent it.
    const auto seen = cluster_.look(id, true).seen;
    if (seen != Seen::queued && seen != Seen::lacking) told(run, id);
  }
  co_return Result<void>();
}

awaitable<Observed> MemoryBackend::observe(core::RunKey run, std::vector<JobId> ask, Cursor after) {
  for (const auto& job : ask)
    if (cluster_.records_.contains(job)) follow(run, job);
  Observed observed;
  const auto followed = runs_.find(run);
  std::set<JobId> answered;
  if (followed != runs_.end()) {
    observed.cursor.value = followed->second.last;
    for (const auto& [job, following] : followed->second.jobs) {
      if (following.news <= after.value) continue;
      observed.news.push_back(cluster_.look(job, following.fetched));
      answered.insert(job);
    }
  }
  for (const auto& job : ask) {
    if (!answered.insert(job).second) continue;
    const bool fetched = follows(run, job) && runs_.at(run).jobs.at(job).fetched;
    observed.news.push_back(cluster_.look(job, fetched));
  }
  co_return observed;
}

awaitable<Result<void>> MemoryBackend::bar(core::RunKey run, std::vector<JobId> jobs) {
  for (const auto& job : jobs) {
    auto& record = cluster_.record(job, run);
    record.job.id = job;
    cluster_.bar(record);
    follow(run, job);
    told(run, job);  // the answer
  }
  co_return Result<void>();
}

awaitable<Result<void>> MemoryBackend::cancel(core::RunKey run, std::vector<core::Kill> jobs) {
  for (const auto& kill : jobs) {
    auto& record = cluster_.record(kill.job, run);
    record.job.id = kill.job;
    follow(run, kill.job);
    cluster_.cancel(record, kill.hard);
  }
  co_return Result<void>();
}

awaitable<Result<void>> MemoryBackend::release(core::RunKey run, std::vector<JobId> jobs) {
  for (const auto& job : jobs) {
    const auto found = cluster_.records_.find(job);
    if (found != cluster_.records_.end()) cluster_.release(found->second);  // which ends the following of all clients
  }
  co_return Result<void>();
}

void MemoryBackend::unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) {
  const auto followed = runs_.find(run);
  const auto pushed = pushes_.find(run);
  for (const auto& job : jobs) {
    const auto seen = cluster_.look(job, true).seen;
    if (seen != Seen::queued && seen != Seen::lacking && seen != Seen::running) continue;
    if (followed != runs_.end()) followed->second.jobs.erase(job);
    if (pushed != pushes_.end()) pushed->second.jobs.erase(job);
    std::erase_if(progress_, [&job](const JobProgress& told) { return told.job == job; });
  }
  if (pushed != pushes_.end() && pushed->second.jobs.empty() && !pushed->second.stream_lost) pushes_.erase(pushed);
}

void MemoryBackend::forget_run(const core::RunKey& run) {
  const auto followed = runs_.find(run);
  if (followed == runs_.end()) return;
  std::erase_if(followed->second.jobs,
                [this](const auto& entry) { return cluster_.look(entry.first, true).seen == Seen::unknown; });
  if (followed->second.jobs.empty()) runs_.erase(followed);
}

awaitable<Result<std::vector<Push>>> MemoryBackend::pushes() {
  while (!closed_ && pushes_.empty()) co_await pushed_->wait();
  if (closed_) co_return fail({.code = "backend.closed", .what = "the backend is closed", .where = {}, .way_out = {}});
  std::vector<Push> taken;
  for (auto& [run, pushed] : std::exchange(pushes_, {})) {
    if (pushed.stream_lost) taken.push_back({run, {}});
    if (!pushed.jobs.empty()) taken.push_back({run, {pushed.jobs.begin(), pushed.jobs.end()}});
  }
  co_return taken;
}

std::vector<JobProgress> MemoryBackend::take_progress() { return std::exchange(progress_, {}); }

void MemoryBackend::close() {
  closed_ = true;
  pushed_->notify();
}

void MemoryBackend::lose_stream() {
  for (auto& [run, followed] : runs_) {
    for (auto& [job, following] : followed.jobs) following.news = followed.last = ++numbered_;
    pushes_[run].stream_lost = true;
  }
  if (!pushes_.empty()) pushed_->notify();
}

bool MemoryBackend::is_fetching(const core::RunKey& run) const {
  const auto followed = runs_.find(run);
  return followed != runs_.end() &&
         std::ranges::any_of(followed->second.jobs, [](const auto& entry) { return entry.second.fetching; });
}

bool MemoryBackend::follows(const core::RunKey& run, const JobId& job) const {
  const auto followed = runs_.find(run);
  return followed != runs_.end() && followed->second.jobs.contains(job);
}

void MemoryBackend::follow(const core::RunKey& run, const JobId& job) {
  auto& followed = runs_[run];
  const auto [at, fresh] = followed.jobs.try_emplace(job);
  if (!fresh) return;
  at->second.news = followed.last = ++numbered_;
  fetch(run, job);
}

void MemoryBackend::forget(const core::RunKey& run, const JobId& job) {
  const auto followed = runs_.find(run);
  if (followed != runs_.end()) followed->second.jobs.erase(job);
}

void MemoryBackend::told(const core::RunKey& run, const JobId& job) {
  if (!follows(run, job)) return;
  auto& followed = runs_.at(run);
  followed.jobs.at(job).news = followed.last = ++numbered_;
  fetch(run, job);
  push(run, job);
}

void MemoryBackend::push(const core::RunKey& run, const JobId& job) {
  pushes_[run].jobs.insert(job);
  pushed_->notify();
}

// The result is fetched from the moment of "finished"; its arrival is news, and a push.
void MemoryBackend::fetch(const core::RunKey& run, const JobId& job) {
  auto& following = runs_.at(run).jobs.at(job);
  if (following.fetching || following.fetched || cluster_.look(job, false).seen != Seen::finished) return;
  const auto after = cluster_.records_.at(job).fate.fetch;
  if (after <= core::Duration::zero()) {
    following.fetched = true;
    return;
  }
  following.fetching = true;
  cluster_.gate_->spawn(fetch_later(cluster_, id_, run, job, after));
}

awaitable<void> MemoryBackend::fetch_later(MemoryCluster& cluster, std::uint64_t client, core::RunKey run, JobId job,
                                           core::Duration after) {
  co_await cluster.runtime_.sleep(after);
  const auto found = cluster.clients_.find(client);
  if (found == cluster.clients_.end() || !found->second->follows(run, job)) co_return;
  auto& following = found->second->runs_.at(run).jobs.at(job);
  following.fetching = false;
  following.fetched = true;
  found->second->told(run, job);
}

}  // namespace baton
