// Several replicas of one host on one state directory: whoever hears of an end when, and is killed when, all find the same.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include "backend/local/local_backend.hpp"
#include "backend/local/turn.hpp"
#include "core/model.hpp"
#include "local_replicas.hpp"
#include "local_world.hpp"

extern char** environ;

namespace baton::test {
namespace {

using core::Seen;
using Ends = std::map<std::string, core::Observation>;

constexpr int jobs_a_round = 5;

bool is_long() { return std::getenv("BATON_LONG") != nullptr; }

/// The jobs of a round, each with another kind of outputs. They end when `go` is there.
std::vector<core::Job> round_of(const std::string& root, int round) {
  using core::OutputKind;
  const auto text = "r" + std::to_string(round);
  const std::string commands[jobs_a_round] = {
      "echo " + text + " > ${outputs.f}; echo '{\"n\": " + std::to_string(round) + "}' > \"$BATON_OUTPUTS\"; touch rubbish",
      "head -c 400000 /dev/zero > ${outputs.f}; echo " + text + " >> ${outputs.f}; mkdir a b; touch a/1 a/2 b/1",
      "mkdir -p ${outputs.d}/x; for i in 1 2 3 4 5 6; do echo " + text + " > ${outputs.d}/x/$i; done",
      "echo '{\"n\": " + std::to_string(round) + "}' > \"$BATON_OUTPUTS\"; touch rubbish",
      "echo " + text + " > there; ln -s there ${outputs.f}; mkdir far; echo " + text + " > far/1; ln -s far ${outputs.d}"};
  const core::Output file{.port = "f", .kind = OutputKind::file, .name = "f"};
  const core::Output folder{.port = "d", .kind = OutputKind::directory, .name = "d"};
  const core::Output number{.port = "n", .kind = OutputKind::integer};
  const std::vector<core::Output> outputs[jobs_a_round] = {{file, number}, {file}, {folder}, {number}, {file, folder}};
  std::vector<core::Job> jobs;
  for (int i = 0; i < jobs_a_round; ++i) {
    jobs.push_back(job_of({.node = "n" + std::to_string(i), .attempt = round, .outputs = outputs[i]}));
    step_of(jobs.back()).command.words = {commands[i] + "; while [ ! -e '" + root + "/go-" + text + "' ]; do sleep 0.004; done"};
  }
  return jobs;
}

std::vector<JobId> ids_of(const std::vector<core::Job>& jobs) {
  std::vector<JobId> ids;
  for (const auto& job : jobs) ids.push_back(job.id);
  return ids;
}

bool running(const core::Observation& seen) { return seen.seen == Seen::running; }
bool released(const core::Observation& seen) { return seen.seen == Seen::unknown; }
bool ended_or_released(const core::Observation& seen) { return ended(seen) || released(seen); }

/// Looks until all are as wanted; after 30 s it gives what it saw last.
awaitable<void> follow(Runtime& runtime, Backend& backend, std::vector<JobId> ids, Wanted wanted, Ends& ends) {
  const auto deadline = runtime.steady() + std::chrono::seconds(30);
  for (bool all = false; !all && runtime.steady() < deadline;) {
    const auto observed = co_await backend.observe(any_run(), ids, Cursor::begin());
    for (const auto& seen : observed.news) ends[seen.job.value()] = seen;
    all = true;
    for (const auto& id : ids) all = all && wanted(ends[id.value()]);
    if (!all) co_await runtime.sleep(std::chrono::milliseconds(1));
  }
}

awaitable<void> release(Backend& backend, std::vector<JobId> ids) {
  const auto done = co_await backend.release(any_run(), std::move(ids));
  EXPECT_TRUE(done.has_value());
}
awaitable<void> submit(Backend& backend, std::vector<core::Job> jobs) {
  const auto done = co_await backend.submit(std::move(jobs));
  EXPECT_TRUE(done.has_value());
}

class Replica {
 public:
  explicit Replica(const local::LocalOptions& options)
      : backend_(std::make_unique<local::LocalBackend>(runtime_, runtime_.io().get_executor(), options)) {}
  Ends until_all(const std::vector<JobId>& ids, const Wanted& wanted) {
    Ends ends;
    runtime_.run(follow(runtime_, *backend_, ids, wanted, ends));
    return ends;
  }
  void send(std::vector<core::Job> jobs) { runtime_.run(submit(*backend_, std::move(jobs))); }
  void let_go_of(const std::vector<JobId>& ids) { runtime_.run(release(*backend_, ids)); }

 private:
  AsioRuntime runtime_;
  std::unique_ptr<Backend> backend_;
};

std::string told(const core::Observation& seen) {
  std::string text(core::to_text(seen.seen));
  if (seen.end && seen.end->error) text += ": " + seen.end->error->what;
  return text;
}

std::vector<std::string> digests(const core::Observation& seen) {
  std::vector<std::string> all;
  for (const auto& product : seen.end->products) {
    const auto* stamp = std::get_if<core::Stamp>(&product.content);
    all.push_back(product.port + " " + (stamp == nullptr ? std::string() : stamp->path + " " + stamp->stat + " ") +
                  core::digest_of(product));
  }
  return all;
}

class LocalReplicas : public testing::Test {
 protected:
  LocalReplicas() { world_.options.slots = jobs_a_round; }
  void let_end(int round) { std::ofstream(world_.path("go-r" + std::to_string(round))) << "go"; }
  /// All is in its place, and nothing is left of how it came there.
  void check_outputs(int round) {
    const auto line = "r" + std::to_string(round) + "\n";
    const auto out = world_.out();
    EXPECT_EQ(text_of(out + "/n0/f"), line);
    EXPECT_TRUE(text_of(out + "/n1/f").ends_with(line));
    EXPECT_EQ(text_of(out + "/n2/d/x/6"), line);
    EXPECT_EQ(text_of(out + "/n4/f"), line);
    EXPECT_EQ(text_of(out + "/n4/d/1"), line);
    EXPECT_FALSE(std::filesystem::is_symlink(out + "/n4/f"));
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) names.insert(entry.path().filename());
    EXPECT_EQ(names, (std::set<std::string>{"n0", "n1", "n2", "n4", "f", "d", "x", "1", "2", "3", "4", "5", "6"}));
    for (const auto& run : std::filesystem::directory_iterator(world_.state() + "/runs"))
      for (const auto& entry : std::filesystem::directory_iterator(run)) EXPECT_FALSE(entry.is_directory()) << entry.path();
  }

  LocalWorld world_{jobs_a_round};
};

TEST_F(LocalReplicas, an_end_that_two_hear_of_is_collected_with_the_same_products_by_both) {
  const int rounds = is_long() ? 1000 : 50;
  Replica one(world_.options), other(world_.options);
  for (int round = 1; round <= rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto jobs = round_of(world_.path(""), round);
    const auto ids = ids_of(jobs);
    one.send(jobs);
    one.until_all(ids, running);
    other.until_all(ids, running);

    let_end(round);
    auto there = std::async(std::launch::async, [&] { return other.until_all(ids, ended); });
    auto here = one.until_all(ids, ended);
    auto elsewhere = there.get();

    for (const auto& id : ids) {
      const auto &first = here[id.value()], &second = elsewhere[id.value()];
      ASSERT_EQ(first.seen, Seen::done) << told(first);
      ASSERT_EQ(second.seen, Seen::done) << told(second);
      EXPECT_EQ(digests(first), digests(second));
    }
    check_outputs(round);
    one.let_go_of(ids);
  }
}

TEST_F(LocalReplicas, a_release_while_another_one_collects_is_no_failure) {
  const int rounds = is_long() ? 1000 : 30;
  Replica one(world_.options), other(world_.options);
  for (int round = 1; round <= rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto jobs = round_of(world_.path(""), round);
    const auto ids = ids_of(jobs);
    one.send(jobs);
    other.until_all(ids, running);

    let_end(round);
    auto there = std::async(std::launch::async, [&] { return other.until_all(ids, ended_or_released); });
    for (const auto& id : ids) {
      auto here = one.until_all({id}, ended);
      ASSERT_EQ(here[id.value()].seen, Seen::done) << told(here[id.value()]);
      one.let_go_of({id});
    }
    auto elsewhere = there.get();

    for (const auto& id : ids) EXPECT_NE(elsewhere[id.value()].seen, Seen::erred) << told(elsewhere[id.value()]);
    auto last = other.until_all(ids, released);
    for (const auto& id : ids) EXPECT_EQ(last[id.value()].seen, Seen::unknown) << told(last[id.value()]);
  }
}

/// This program as a replica that follows the jobs of a round (`follow_round`). It writes to `ready` once all run.
pid_t start_follower(const LocalWorld& world, int round) {
  auto words = std::vector<std::string>{"/proc/self/exe", "follow", world.state(), world.path(""), std::to_string(round)};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, argv.front(), nullptr, nullptr, argv.data(), environ), 0);
  return pid;
}

TEST_F(LocalReplicas, a_replica_that_is_killed_while_it_collects_leaves_the_end_to_the_other) {
  const int rounds = is_long() ? 500 : 30;
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  std::uniform_int_distribution<int> until_kill_us(0, 20'000);
  Replica one(world_.options);
  for (int round = 1; round <= rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto jobs = round_of(world_.path(""), round);
    const auto ids = ids_of(jobs);
    one.send(jobs);
    const auto killed = start_follower(world_, round);
    EXPECT_TRUE(eventually([&] { return ::access(world_.path("ready-r" + std::to_string(round)).c_str(), F_OK) == 0; }));

    // The other begins to look at once, or only when the first is gone.
    let_end(round);
    const bool together = chance() % 2 == 0;
    std::future<Ends> there;
    if (together) there = std::async(std::launch::async, [&] { return one.until_all(ids, ended); });
    std::this_thread::sleep_for(std::chrono::microseconds(until_kill_us(chance)));
    ::kill(killed, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(killed, &status, 0), killed);
    auto ends = together ? there.get() : one.until_all(ids, ended);

    for (const auto& id : ids) ASSERT_EQ(ends[id.value()].seen, Seen::done) << told(ends[id.value()]);
    check_outputs(round);
    one.let_go_of(ids);
  }
}

TEST_F(LocalReplicas, what_waited_for_a_replica_that_is_gone_is_sent_by_the_other) {
  world_.options.slots = 1;
  auto gone = world_.connect();
  const auto stays = world_.connect();
  const auto first = world_.shell("first", "while [ ! -e '" + world_.path("go") + "' ]; do sleep 0.01; done");
  const auto second = world_.shell("second", "true");
  ASSERT_TRUE(wait(world_, gone->submit({first, second})).has_value());
  until(world_, *stays, first, Seen::running);
  ASSERT_EQ(until(world_, *stays, second, Seen::queued).seen, Seen::queued);

  gone.reset();

  ASSERT_EQ(until(world_, *stays, second, Seen::unknown).seen, Seen::unknown);
  ASSERT_TRUE(wait(world_, stays->submit({second})).has_value());
  std::ofstream(world_.path("go")) << "go";
  EXPECT_EQ(until(world_, *stays, second, ended).seen, Seen::done);
  EXPECT_EQ(world_.beginnings(second), 1);
}

// After a failover that lost the commit which the release followed, any replica may make the pass that asks for the proof.
TEST_F(LocalReplicas, what_one_has_barred_is_barred_for_whoever_asks) {
  const auto one = world_.connect(), other = world_.connect();
  const auto job = world_.shell("a", "true");
  ASSERT_TRUE(wait(world_, one->submit({job})).has_value());
  until(world_, *one, job, ended);
  ASSERT_TRUE(wait(world_, one->release(any_run(), {job.id})).has_value());
  until(world_, *one, job, Seen::unknown);

  ASSERT_TRUE(wait(world_, one->bar(any_run(), {job.id})).has_value());

  until(world_, *one, job, Seen::barred);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(look(world_, *other, job).seen, Seen::barred);
}

TEST_F(LocalReplicas, what_is_sent_after_it_was_barred_is_refused_and_counted) {
  const auto one = world_.connect(), other = world_.connect();
  const auto job = world_.shell("late", "true");
  ASSERT_TRUE(wait(world_, one->bar(any_run(), {job.id})).has_value());
  until(world_, *one, job, Seen::barred);

  ASSERT_TRUE(wait(world_, other->submit({job})).has_value());

  until(world_, *other, job, Seen::barred);
  EXPECT_EQ(world_.beginnings(job), 0);
  EXPECT_EQ(dynamic_cast<const local::LocalBackend&>(*other).claims_refused(), 1u);
  EXPECT_EQ(dynamic_cast<const local::LocalBackend&>(*one).claims_refused(), 0u);
}

TEST_F(LocalReplicas, outputs_of_projects_lie_apart) {
  world_.options.by_project = true;
  const auto backend = world_.connect();
  auto job = world_.shell("step", "echo text > \"${outputs.f}\"");
  step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"}};
  auto strange = world_.shell("strange", "echo text > \"${outputs.f}\"");
  step_of(strange).outputs = step_of(job).outputs;
  strange.run.project = ProjectId("../a b");

  const auto seen = world_.run_to_end(*backend, job);
  const auto other = world_.run_to_end(*backend, strange);

  ASSERT_EQ(seen.seen, Seen::done) << told(seen);
  EXPECT_EQ(std::get<core::Stamp>(seen.end->products.at(0).content).path, world_.out() + "/p/step/f.txt");
  EXPECT_EQ(text_of(world_.out() + "/p/step/f.txt"), "text\n");
  ASSERT_EQ(other.seen, Seen::done) << told(other);
  EXPECT_EQ(text_of(world_.out() + "/%2E.%2Fa%20b/strange/f.txt"), "text\n");
}

TEST_F(LocalReplicas, a_turn_is_had_by_one_at_a_time_and_by_each_job_apart) {
  auto first = local::Turn::take(world_.state(), "job");
  ASSERT_TRUE(first.has_value());

  EXPECT_FALSE(local::Turn::take(world_.state(), "job").has_value());
  EXPECT_TRUE(local::Turn::take(world_.state(), "other").has_value());
  first.reset();
  EXPECT_TRUE(local::Turn::take(world_.state(), "job").has_value());
}

TEST_F(LocalReplicas, an_end_waits_for_its_turn_and_holds_up_nothing_else) {
  const auto backend = world_.connect();
  auto held = world_.shell("held", "true");
  const auto free = world_.shell("free", "true");
  auto turn = local::Turn::take(world_.state(), held.id.value());

  ASSERT_TRUE(wait(world_, backend->submit({held, free})).has_value());

  EXPECT_EQ(until(world_, *backend, free, ended).seen, Seen::done);
  EXPECT_EQ(until(world_, *backend, held, Seen::finished).seen, Seen::finished);
  turn.reset();
  EXPECT_EQ(until(world_, *backend, held, ended).seen, Seen::done);
}

}  // namespace

void follow_round(const std::string& state, const std::string& root, int round) {
  Replica replica(
      {.state = state, .out = root + "/out", .slots = jobs_a_round, .resources = {}, .environment = local::own_environment()});
  const auto ids = ids_of(round_of(root, round));
  replica.until_all(ids, running);
  std::ofstream(root + "/ready-r" + std::to_string(round)) << "ready";
  replica.until_all(ids, ended);
}

}  // namespace baton::test
