/// One replica's way to a MemoryCluster.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "backend/memory/memory_cluster.hpp"

namespace baton {

class MemoryBackend final : public Backend {
 public:
  MemoryBackend(MemoryCluster& cluster, Runtime& runtime);
  /// As a connection that breaks: the cluster tells it nothing more.
  ~MemoryBackend() override;
  MemoryBackend(const MemoryBackend&) = delete;
  MemoryBackend& operator=(const MemoryBackend&) = delete;

  awaitable<Result<void>> submit(std::vector<core::Job> jobs) override;
  awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after) override;
  awaitable<Result<void>> bar(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<void>> cancel(core::RunKey run, std::vector<core::Kill> jobs) override;
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs) override;
  void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) override;
  void forget_run(const core::RunKey& run) override;
  awaitable<Result<std::vector<Push>>> pushes() override;
  std::vector<JobProgress> take_progress() override;
  [[nodiscard]] std::uint32_t slots() const override { return cluster_.slots(); }
  void close() override;

  /// Fault: the stream breaks and is made anew: everything that it followed may have changed.
  void lose_stream();
  /// Whether this run has pushes that nobody has taken yet.
  [[nodiscard]] bool has_pushes(const core::RunKey& run) const { return pushes_.contains(run); }
  /// Whether a result of this run is on its way to this client.
  [[nodiscard]] bool is_fetching(const core::RunKey& run) const;

 private:
  friend class MemoryCluster;
  struct Following {
    std::uint64_t news = 0;  ///< when it last changed; compared with cursors
    bool fetched = false;    ///< its result is here
    bool fetching = false;
  };
  struct Followed {
    std::uint64_t last = 0;  ///< number of its newest news
    std::map<JobId, Following> jobs;
  };

  void follow(const core::RunKey& run, const JobId& job);
  /// The cluster says that this job changed.
  void told(const core::RunKey& run, const JobId& job);
  /// The cluster says that this job was released.
  void forget(const core::RunKey& run, const JobId& job);
  [[nodiscard]] bool follows(const core::RunKey& run, const JobId& job) const;
  void push(const core::RunKey& run, const JobId& job);
  void fetch(const core::RunKey& run, const JobId& job);
  static awaitable<void> fetch_later(MemoryCluster& cluster, std::uint64_t client, core::RunKey run, JobId job,
                                     core::Duration after);

  MemoryCluster& cluster_;
  std::uint64_t id_;
  std::unique_ptr<Event> pushed_;
  std::map<core::RunKey, Followed> runs_;
  std::uint64_t numbered_ = 0;  ///< news of all runs: a run that is followed anew goes on above its old cursors
  struct Pushed {
    bool stream_lost = false;
    std::set<JobId> jobs;
  };
  std::map<core::RunKey, Pushed> pushes_;
  std::vector<JobProgress> progress_;
  bool closed_ = false;
};

}  // namespace baton
