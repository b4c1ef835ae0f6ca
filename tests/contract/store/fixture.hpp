/// Every adapter of the Store port behind one door: a clock that the test moves, and calls that wait for their answer.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/store.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton::test {

using core::Instant;
using core::RunKey;
using core::State;
using namespace std::chrono_literals;

/// The real runtime with a wall clock that stands until it is moved.
class ClockedRuntime final : public Runtime {
 public:
  explicit ClockedRuntime(bool store_inline) : real_(AsioRuntime::Options{.store_inline = store_inline}) {}
  Instant time = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 24));

  AsioRuntime& real() { return real_; }
  Instant wall() override { return time; }
  core::Duration steady() override { return real_.steady(); }
  awaitable<void> sleep(core::Duration how_long) override { return real_.sleep(how_long); }
  std::unique_ptr<Gate> gate() override { return real_.gate(); }
  std::unique_ptr<Event> event() override { return real_.event(); }
  std::uint64_t random() override { return real_.random(); }
  std::string uuid() override { return real_.uuid(); }
  awaitable<void> blocking(Lane lane, std::function<void()> work) override { return real_.blocking(lane, std::move(work)); }

 private:
  AsioRuntime real_;
};

enum class Kind { memory, sqlite, sqlite_inline, postgres };
[[nodiscard]] std::string name_of(Kind kind);

class StoreContract : public testing::TestWithParam<Kind> {
 protected:
  StoreContract();
  void SetUp() override;
  void TearDown() override;

  template <class T>
  T wait(awaitable<T> call) {
    std::optional<T> answer;
    runtime_.real().run(keep(std::move(call), answer));
    return std::move(*answer);
  }
  /// The value; a failed test where there is none.
  template <class T>
  T good(awaitable<Result<T>> call) {
    auto answer = wait(std::move(call));
    if (!answer) throw std::runtime_error(answer.error().code + ": " + answer.error().what);
    return std::move(*answer);
  }
  void done(awaitable<Result<void>> call) {
    if (const auto answer = wait(std::move(call)); !answer)
      throw std::runtime_error(answer.error().code + ": " + answer.error().what);
  }
  template <class T>
  Error error(awaitable<Result<T>> call) {
    auto answer = wait(std::move(call));
    return answer ? Error{.code = "none"} : answer.error();
  }

  Store& store() { return *store_; }
  Instant now() const { return runtime_.time; }
  void pass_time(core::Duration span) {
    runtime_.time += span;
    set_clock_();
  }
  /// Whether what a commit announces is kept until it was told.
  [[nodiscard]] bool has_outbox() const { return GetParam() == Kind::memory || GetParam() == Kind::postgres; }
  void declare_gone(const std::string& replica) { declare_gone_(ReplicaId(replica)); }

  /// A run of tasks a, b, c, each after the one before, in project `p` of user 1 unless said otherwise.
  NewRun a_run(const std::string& project = "p");
  RunKey create(const std::string& project = "p") { return good(store().create_run(a_run(project))); }
  core::Ticket begin(const RunKey& run, Fence known = Fence::none(), const std::string& replica = "r1",
                     std::int32_t excused = 0) {
    return good(store().begin_pass({.run = run, .known = known, .replica = ReplicaId(replica), .excused = excused}));
  }
  Error refused(const RunKey& run) {
    return error(store().begin_pass({.run = run, .known = Fence::none(), .replica = ReplicaId("r1")}));
  }
  Committed commit(core::Ticket ticket, core::Decision decision = {}) {
    return good(store().commit(std::move(ticket), std::move(decision)));
  }
  Woken wake(const RunKey& run, std::vector<JobId> jobs = {}) { return good(store().wake(run, std::move(jobs))); }
  RunView view(const RunKey& run) { return good(store().run(run)); }
  bool pending(const RunKey& run) {
    const auto row = view(run);
    return row.scheduled && (!row.processed || *row.scheduled > *row.processed);
  }
  std::vector<RunKey> due(DuePolicy policy = {}, std::size_t max = 100) { return good(store().due(policy, max)); }

  /// Begins and does not commit.
  void fail_a_pass(const RunKey& run);
  /// A whole pass that writes task 0's first attempt, PENDING under `job`.
  void start_first(const RunKey& run, const std::string& job = "job-1");
  /// A whole pass that ends the run, all tasks ABORTED; nothing is owed.
  void end(const RunKey& run);

  ClockedRuntime runtime_;

 private:
  template <class T>
  static awaitable<void> keep(awaitable<T> call, std::optional<T>& answer) {
    answer.emplace(co_await std::move(call));
  }
  std::unique_ptr<Store> store_;
  std::function<void(const ReplicaId&)> declare_gone_;
  std::function<void()> set_clock_ = [] {};  // tells the store's own clock
  int runs_ = 0;
};

/// Records with as little in them as their states allow.
[[nodiscard]] core::TaskRecord pending_task(Index task, const std::string& job, std::int32_t attempt = 1);
[[nodiscard]] core::TaskRecord aborted_task(Index task);
[[nodiscard]] core::AttemptRecord open_attempt(Index task, const std::string& job, std::int32_t attempt = 1);
[[nodiscard]] core::AttemptRecord ended_attempt(Index task, const std::string& job, core::Owed owed, std::int32_t attempt = 1);
/// One with every field filled.
[[nodiscard]] core::Success full_success(bool simulated = false);
[[nodiscard]] core::TaskDefinition full_task(const std::string& id);
/// SUCCESS, with every field filled.
[[nodiscard]] core::TaskRecord full_record(Index task, bool simulated = false);

/// All that is in a record, to be compared: a Success counts by its content.
[[nodiscard]] std::string content_of(const core::TaskRecord& record);

}  // namespace baton::test
