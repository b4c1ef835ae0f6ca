// What one event costs in a run of n tasks: decide alone, and with the ticket that brings its result back. Budget: 20 us at 10 000.
#include <benchmark/benchmark.h>

#include "core/decide.hpp"
#include "support/rows.hpp"

namespace {

using namespace baton;
constexpr core::Instant noon{std::chrono::hours(12)};

/// Layers of 100, each task after one of the layer before and one of the layer before that: half of the run is done, a layer is live, and
/// the event makes a successor ready, which is handed over.
struct MidRun {
  explicit MidRun(Index count) {
    const Index width = std::min<Index>(100, std::max<Index>(2, count / 4));
    std::vector<std::vector<Index>> before(count);
    for (Index i = width; i < count; ++i) {
      if (i >= 2 * width) before[i].push_back(i - 2 * width);
      before[i].push_back(i - width);
    }
    rows = std::make_unique<test::Rows>(test::run_of(before));
    policy.room = 200;
    run.apply(rows->begin(Fence::none(), noon));
    for (Index done = 0; done < count / 2;) {
      const auto decision = core::decide(run, news, policy, noon);
      apply(decision);
      news.clear();
      for (const auto i : run.live())
        if (done < count / 2) {
          news.push_back(test::done(run.task(i)));
          ++done;
        }
    }
    apply(core::decide(run, news, policy, noon));
    news.clear();
    for (const auto i : run.live()) news.push_back(test::seen(run.task(i), core::Seen::running));
    apply(core::decide(run, news, policy, noon));
    for (const auto& [job, owed] : run.owed()) settled.push_back({.job = job, .seen = core::Seen::unknown});
    apply(core::decide(run, settled, policy, noon));
    event = {test::done(run.task(*run.live().begin()))};
    BATON_ASSERT(core::decide(run, event, policy, noon).submit.size() == 1);
  }
  void apply(const core::Decision& decision) {
    const auto before = rows->begin(Fence(1'000'000'000), noon).fence;
    rows->commit(decision);
    run.apply(rows->begin(Fence(before.value() - 1), noon));
  }
  std::unique_ptr<test::Rows> rows;
  core::Run run;
  core::Policy policy;
  std::vector<core::Observation> news, settled, event;
};

void decide_one_event(benchmark::State& state) {
  MidRun mid(static_cast<Index>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(core::decide(mid.run, mid.event, mid.policy, noon));
}
BENCHMARK(decide_one_event)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void decide_and_apply_one_event(benchmark::State& state) {
  MidRun mid(static_cast<Index>(state.range(0)));
  const auto decision = core::decide(mid.run, mid.event, mid.policy, noon);
  core::Ticket back{.run = RunId(1), .fence = Fence(1), .now = noon, .record = mid.run.record(), .tasks = decision.tasks};
  core::Ticket undo = back;
  undo.tasks.clear();
  for (const auto& record : decision.tasks) undo.tasks.push_back(mid.run.task(record.task));
  for (auto _ : state) {
    benchmark::DoNotOptimize(core::decide(mid.run, mid.event, mid.policy, noon));
    mid.run.apply(back);
    mid.run.apply(undo);
  }
}
BENCHMARK(decide_and_apply_one_event)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
