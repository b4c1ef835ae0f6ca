/// What the Backend suite needs of an adapter: clients, and jobs that behave as a test wishes.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/backend.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton::test {

/// How a job behaves.
struct Wish {
  std::string node = "step";
  std::int32_t attempt = 1;
  int exit_code = 0;
  bool lasts = false;         ///< until it is stopped
  bool ignores_term = false;  ///< only with `lasts`
  bool impossible = false;    ///< asks for what is not there
  core::Limits limits{.run = {}, .silence = {}, .waiting = {}, .grace = std::chrono::milliseconds(200)};
  std::vector<core::Output> outputs{{.port = "n", .kind = core::OutputKind::integer}};  ///< value outputs
};

class BackendWorld {
 public:
  virtual ~BackendWorld() = default;
  virtual Runtime& runtime() = 0;
  /// A client of its own, as another replica would have it.
  virtual std::unique_ptr<Backend> connect() = 0;
  virtual core::Job job(const Wish& wish) = 0;
  /// How often the job has begun.
  virtual int beginnings(const core::Job& job) = 0;
  /// Runs a coroutine to its end.
  virtual void run(awaitable<void> body) = 0;
  virtual void stop() {}
};

using MakeWorld = std::function<std::unique_ptr<BackendWorld>(std::uint32_t slots)>;
std::unique_ptr<BackendWorld> memory_world(std::uint32_t slots);
std::unique_ptr<BackendWorld> local_world(std::uint32_t slots);

inline core::RunKey any_run() { return {UserId(1), ProjectId("p"), Iteration(1)}; }
core::Job job_of(const Wish& wish);

template <class T>
awaitable<void> into(awaitable<T> from, std::optional<T>& to) {
  to.emplace(co_await std::move(from));
}
/// The answer of a port call.
template <class T>
T wait(BackendWorld& world, awaitable<T> call) {
  std::optional<T> answer;
  world.run(into(std::move(call), answer));
  return std::move(*answer);
}

using Wanted = std::function<bool(const core::Observation&)>;
awaitable<core::Observation> look_until(Runtime& runtime, Backend& backend, core::RunKey run, JobId job, Wanted wanted);
/// Asks for the job until it is as wanted; after 20 s it gives what it saw last.
core::Observation until(BackendWorld& world, Backend& backend, const core::Job& job, Wanted wanted);
core::Observation until(BackendWorld& world, Backend& backend, const core::Job& job, core::Seen wanted);
core::Observation look(BackendWorld& world, Backend& backend, const core::Job& job);
bool ended(const core::Observation& seen);
/// Whether `fact` holds within 10 s.
bool eventually(const std::function<bool()>& fact);

}  // namespace baton::test
