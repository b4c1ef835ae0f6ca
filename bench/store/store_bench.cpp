// What the embedded store costs: a pass (begin_pass and commit, two tasks changed), a start, a look. BATON_BENCH_DIR: where the files are
// (a disk, or /dev/shm); /tmp otherwise.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "runtime/asio/asio_runtime.hpp"
#include "store/codec/codec.hpp"
#include "store/memory/memory_store.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace baton {
namespace {

NewRun a_run(Index tasks) {
  NewRun run{.uuid = RunUuid("5ad4b3a6-9a3e-4ba1-8a2a-2f3a4b5c6d7e"), .user = UserId(1), .project = ProjectId("pipeline.yaml")};
  auto step = std::make_shared<core::Step>();
  step->name = "align";
  step->command.words = {"bwa mem ${inputs.reference} ${inputs.reads} > ${outputs.bam}"};
  step->outputs = {{.port = "bam", .name = "out.bam"}};
  for (Index i = 0; i < tasks; ++i) {
    core::TaskDefinition task;
    task.node.id = NodeId("align[" + std::to_string(i) + "]");
    task.node.step = step;
    task.node.foreach = {{"sample", {std::to_string(i)}}};
    task.node.inputs = {{.port = "reference", .source = core::FileInput{.path = "/home/user/project/data/reference.fasta"}},
                        {.port = "reads", .source = core::FileInput{.path = "/home/user/project/data/reads.fastq.gz"}}};
    task.reasons = {{.kind = core::ReasonKind::never_succeeded}};
    task.key = {.definition = std::string(64, 'd'),
                .inputs = {{"reference", std::string(64, 'r')}, {"reads", std::string(64, 's')}}};
    run.project_nodes.push_back(task.node.id);
    run.tasks.push_back(std::move(task));
  }
  return run;
}

std::string job(Index task) {
  return "simcore/services/comp/align:1.0.0:userid_1:projectid_pipeline.yaml:nodeid_align[" + std::to_string(task) +
         "]:uuid_5ad4b3a6-9a3e-4ba1-8a2a-2f3a4b5c6d7e";
}

// One task ends, the next begins: what most passes do.
core::Decision a_decision(Index ended, Index begun, core::Instant now) {
  core::Decision decision;
  core::TaskRecord success;
  success.task = ended;
  success.state = core::State::success;
  success.attempt = 1;
  success.job = JobId(job(ended));
  success.seen = true;
  success.state_since = success.submitted.emplace(now);
  success.started = success.ended = now;
  success.exit_code = 0;
  success.log = "/home/user/project/.baton/logs/align/" + std::to_string(ended) + "/1.log";
  success.reasons = {{.kind = core::ReasonKind::never_succeeded}};
  success.success = std::make_shared<const core::Success>(
      core::Success{.run = RunId(1),
                    .iteration = Iteration(1),
                    .attempt = 1,
                    .key = {.definition = std::string(64, 'd'),
                            .inputs = {{"reference", std::string(64, 'r')}, {"reads", std::string(64, 's')}}},
                    .products = {{.port = "bam",
                                  .content = core::Stamp{.path = "/home/user/project/baton-out/align/1/out.bam",
                                                         .stat = "12 34 56 78",
                                                         .digest = std::string(64, 'o')}}},
                    .submitted = now,
                    .started = now,
                    .ended = now,
                    .log = success.log});
  core::TaskRecord pending;
  pending.task = begun;
  pending.state = core::State::pending;
  pending.attempt = 1;
  pending.job = JobId(job(begun));
  pending.state_since = now;
  pending.reasons = success.reasons;
  decision.tasks = {success, pending};
  decision.attempts = {{.task = ended,
                        .attempt = 1,
                        .job = *success.job,
                        .why = "planned",
                        .outcome = core::Outcome::succeeded,
                        .owed = core::Owed::release},
                       {.task = begun, .attempt = 1, .job = *pending.job, .why = "planned"}};
  if (ended > 0) decision.settle = {JobId(job(ended - 1))};
  decision.result = core::State::started;
  decision.wake_at = now + std::chrono::seconds(5);
  return decision;
}

template <class T>
awaitable<void> keep(awaitable<T> call, std::optional<T>& answer) {
  answer.emplace(co_await std::move(call));
}

struct Bench {
  explicit Bench(bool store_inline) : runtime({.store_inline = store_inline}) {
    const auto* wanted = std::getenv("BATON_BENCH_DIR");
    folder = std::filesystem::path(wanted != nullptr ? wanted : "/tmp") / "baton-store-bench";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~Bench() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
  void open() { store = std::move(*SqliteStore::open(runtime, {.path = folder / "baton.db"})); }
  template <class T>
  T wait(awaitable<T> call) {
    std::optional<T> answer;
    runtime.run(keep(std::move(call), answer));
    return std::move(*answer);
  }
  AsioRuntime runtime;
  std::filesystem::path folder;
  std::unique_ptr<Store> store;
};

awaitable<void> passes(Store& store, core::RunKey key, Index tasks, benchmark::State& state) {
  Fence known = Fence::none();
  Index next = 0;
  const BeginPass first{.run = key, .known = known, .replica = ReplicaId("r")};
  auto warm = co_await store.begin_pass(first);
  co_await store.commit(*warm, a_decision(0, 1, warm->now));
  known = Fence(warm->fence.value() - 1);
  for (auto _ : state) {
    co_await store.wake(key, {});
    const BeginPass question{.run = key, .known = known, .replica = ReplicaId("r")};
    auto ticket = co_await store.begin_pass(question);
    known = Fence(ticket->fence.value() - 1);
    next = (next + 1) % (tasks - 1);
    auto decision = a_decision(next, next + 1, ticket->now);
    co_await store.commit(std::move(*ticket), std::move(decision));
  }
}

void pass_in_sqlite(benchmark::State& state) {
  Bench bench(state.range(0) == 1);
  bench.open();
  constexpr Index tasks = 10'000;
  const auto key = *bench.wait(bench.store->create_run(a_run(tasks)));
  bench.runtime.run(passes(*bench.store, key, tasks, state));
}
BENCHMARK(pass_in_sqlite)->Arg(0)->Arg(1)->ArgName("inline")->Unit(benchmark::kMicrosecond)->Iterations(9000);

void pass_in_memory(benchmark::State& state) {
  Bench bench(true);
  bench.store = std::make_unique<MemoryStore>([&bench] { return bench.runtime.wall(); });
  constexpr Index tasks = 10'000;
  const auto key = *bench.wait(bench.store->create_run(a_run(tasks)));
  bench.runtime.run(passes(*bench.store, key, tasks, state));
}
BENCHMARK(pass_in_memory)->Unit(benchmark::kMicrosecond)->Iterations(9000);

void lane_hop(benchmark::State& state) {
  AsioRuntime runtime;
  struct Body {
    static awaitable<void> hop(AsioRuntime& on, benchmark::State& times) {
      for (auto _ : times) co_await on.blocking(Runtime::Lane::store, [] {});
    }
  };
  runtime.run(Body::hop(runtime, state));
}
BENCHMARK(lane_hop)->Unit(benchmark::kMicrosecond)->UseRealTime();

void create_run_in_sqlite(benchmark::State& state) {
  const auto tasks = static_cast<Index>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    std::optional<Bench> bench(std::in_place, true);
    bench->open();
    auto run = a_run(tasks);
    state.ResumeTiming();
    benchmark::DoNotOptimize(bench->wait(bench->store->create_run(std::move(run))));
    state.PauseTiming();
    bench.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(create_run_in_sqlite)->Arg(10)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond)->UseRealTime();

void open_new_file(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    std::optional<Bench> bench(std::in_place, true);
    state.ResumeTiming();
    bench->open();
    state.PauseTiming();
    bench.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(open_new_file)->Unit(benchmark::kMillisecond)->UseRealTime();

void open_and_read_nodes(benchmark::State& state) {
  Bench bench(true);
  bench.open();
  const auto key = *bench.wait(bench.store->create_run(a_run(1000)));
  const auto ticket = *bench.wait(bench.store->begin_pass({.run = key, .replica = ReplicaId("r")}));
  for (Index i = 0; i + 1 < 1000; i += 2) bench.wait(bench.store->commit(ticket, a_decision(i, i + 1, ticket.now)));
  bench.store.reset();
  for (auto _ : state) {
    bench.open();
    benchmark::DoNotOptimize(bench.wait(bench.store->nodes(ProjectId("pipeline.yaml"))));
    bench.store.reset();
  }
}
BENCHMARK(open_and_read_nodes)->Unit(benchmark::kMillisecond)->UseRealTime();

void encode_1000_tasks(benchmark::State& state) {
  const auto run = a_run(1000);
  for (auto _ : state) {
    for (const auto& task : run.tasks) benchmark::DoNotOptimize(store::to_json(task, 0));
  }
}
BENCHMARK(encode_1000_tasks)->Unit(benchmark::kMillisecond);

void decode_1000_tasks(benchmark::State& state) {
  const auto run = a_run(1000);
  const store::Steps steps{run.tasks[0].node.step};
  std::vector<std::string> texts;
  for (const auto& task : run.tasks) texts.push_back(store::to_json(task, 0));
  for (auto _ : state) {
    for (const auto& text : texts) benchmark::DoNotOptimize(store::task_from(text, steps));
  }
}
BENCHMARK(decode_1000_tasks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baton
