/// Streams of what changes in runs (docs/api.md, "Events"). All who follow one run share its reads: one row, and the tasks that changed.
#pragma once

#include <map>
#include <memory>

#include "api/http.hpp"
#include "core/run.hpp"
#include "ports/store.hpp"

namespace baton::api {

struct WatchOptions {
  std::size_t subscribers_max = 1000;
  std::size_t unread_bytes_max = std::size_t{4}
                                 << 20U;  ///< of one subscriber; who lets more gather is dropped, and resumes later
  std::size_t tasks_per_event = 1000;     ///< so that no reader has to parse a whole large run at once
  std::size_t progress_tasks_max = 1000;  ///< of larger runs no progress is told: it costs a read of all their tasks
  core::Duration look_every = std::chrono::seconds(1);    ///< without a message: one statement for all runs
  core::Duration gather = std::chrono::milliseconds(50);  ///< between two reads of one run
  core::Duration beat_every = std::chrono::seconds(10);
  /// A row's fence is raised before its pass commits, so for so long the same fence may still bring news.
  core::Duration pass_max = std::chrono::seconds(60);
};

class Watcher {
 public:
  Watcher(Runtime& runtime, Store& store, WatchOptions options = {});
  /// After serve() has returned.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// `seen` none: begins with a snapshot; else with the tasks that changed in that pass and later ones. Dropping the stream unsubscribes.
  /// Errors: api.busy (too many), api.stopping.
  Result<std::shared_ptr<Stream>> subscribe(const core::RunKey& run, Fence seen);
  /// Something of the run has changed, or may have; with a run of user 0: of any run. For Worker's callback and Events::on_changed.
  void changed(const core::RunKey& run);
  /// Looks after what is watched, until stop().
  awaitable<void> serve();
  /// Ends all streams.
  void stop();

  [[nodiscard]] std::size_t subscribers() const { return *subscribers_; }

 private:
  class Subscriber;
  struct Watched;
  struct Group;

  awaitable<void> follow(std::shared_ptr<Watched> watched);
  awaitable<bool> look(Watched& watched);
  awaitable<Result<void>> tell_new(Watched& watched, const RunView& run);
  awaitable<Result<void>> tell_old(Watched& watched, const RunView& run);
  awaitable<Result<void>> tell_progress(Watched& watched);
  awaitable<void> ask_for_changes();
  [[nodiscard]] std::string batch(const RunView& run, const std::string& told, const std::vector<TaskView>& tasks) const;

  Runtime& runtime_;
  Store& store_;
  WatchOptions options_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Event> stopped_;
  std::map<core::RunKey, std::shared_ptr<Watched>> watched_;
  std::shared_ptr<std::size_t> subscribers_ = std::make_shared<std::size_t>(0);
  bool stopping_ = false;
};

}  // namespace baton::api
