#include "backend_world.hpp"

#include <chrono>
#include <thread>

#include "core/key.hpp"

namespace baton::test {

core::Job job_of(const Wish& wish) {
  const RunUuid uuid("6b1d1f4e-6a0f-4c1e-9a8c-0d2f3a4b5c6d");
  auto step = std::make_shared<core::Step>();
  step->name = wish.node;
  step->command = {.shell = true, .words = {"true"}};
  step->outputs = wish.outputs;
  step->limits = wish.limits;
  if (wish.impossible) step->resources["cpu"] = 1'000'000;
  return {.id = core::job_id(UserId(1), ProjectId("p"), uuid, NodeId(wish.node), wish.attempt),
          .run = any_run(),
          .run_uuid = uuid,
          .node = NodeId(wish.node),
          .attempt = wish.attempt,
          .folder = wish.node,
          .step = std::move(step)};
}

awaitable<core::Observation> look_until(Runtime& runtime, Backend& backend, core::RunKey run, JobId job, Wanted wanted) {
  core::Observation last{.job = job};
  const auto deadline = runtime.steady() + std::chrono::seconds(20);
  while (runtime.steady() < deadline) {
    const std::vector<JobId> ask{job};
    const auto observed = co_await backend.observe(run, ask, Cursor::begin());
    for (const auto& seen : observed.news)
      if (seen.job == job) last = seen;
    if (wanted(last)) break;
    co_await runtime.sleep(std::chrono::milliseconds(2));
  }
  co_return last;
}

core::Observation until(BackendWorld& world, Backend& backend, const core::Job& job, Wanted wanted) {
  return wait(world, look_until(world.runtime(), backend, job.run, job.id, std::move(wanted)));
}
core::Observation until(BackendWorld& world, Backend& backend, const core::Job& job, core::Seen wanted) {
  return until(world, backend, job, [wanted](const core::Observation& seen) { return seen.seen == wanted; });
}
core::Observation look(BackendWorld& world, Backend& backend, const core::Job& job) {
  return until(world, backend, job, [](const core::Observation&) { return true; });
}
bool ended(const core::Observation& seen) { return seen.seen == core::Seen::done || seen.seen == core::Seen::erred; }

bool eventually(const std::function<bool()>& fact) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!fact()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace baton::test
