#include "backend/memory/memory_cluster.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "backend/memory/memory_backend.hpp"
#include "runtime/simulated/simulated_runtime.hpp"

namespace baton {
namespace {

using core::Seen;
using std::chrono::milliseconds;
using std::chrono::seconds;

const core::RunKey run{UserId(1), ProjectId("p"), Iteration(1)};
const JobId job_id("job");

core::Job job() {
  auto step = std::make_shared<core::Step>();
  step->name = "s";
  step->command.words = {"true"};
  step->outputs = {{.port = "n", .kind = core::OutputKind::integer}, {.port = "f", .kind = core::OutputKind::file, .name = "f"}};
  return {.id = job_id, .run = run, .run_uuid = {}, .node = NodeId("n"), .attempt = 1, .folder = "n", .step = step};
}

// A cluster, two replicas' clients, and a job whose fate the test writes.
struct Scene {
  explicit Scene(Fate its, MemoryCluster::Options options = {})
      : fate(std::move(its)),
        runtime(world, world.start()),
        cluster(runtime, options, [this](const core::Job&) { return fate; }),
        client(cluster, runtime),
        other(cluster, runtime) {}
  ~Scene() { world.end(); }

  void send() { ASSERT_TRUE(world.look(client.submit({job()}))); }
  void pass(core::Duration time) {
    world.run_until([] { return false; }, time);
  }
  Seen seen(MemoryBackend& by) {
    const auto observed = world.look(by.observe(run, {job_id}, Cursor::begin()));
    return observed.news.at(0).seen;
  }

  World world{1};
  Fate fate;
  SimulatedRuntime runtime;
  MemoryCluster cluster;
  MemoryBackend client, other;
};

TEST(MemoryCluster, a_job_makes_a_product_at_each_declared_output) {
  Scene scene({.runs = seconds(1)});
  scene.send();
  scene.pass(seconds(2));

  const auto end = scene.cluster.made(job_id);
  ASSERT_NE(end, nullptr);
  EXPECT_FALSE(core::check_products(*job().step, end->products).has_value());
  EXPECT_EQ(scene.cluster.beginnings(job_id), 1);
}

TEST(MemoryCluster, a_result_is_on_its_way_to_each_client_for_itself) {
  Scene scene({.runs = milliseconds(100), .fetch = seconds(1)});
  scene.send();
  scene.pass(milliseconds(500));

  EXPECT_EQ(scene.seen(scene.client), Seen::finished);
  EXPECT_EQ(scene.seen(scene.other), Seen::finished);
  scene.pass(milliseconds(700));
  EXPECT_EQ(scene.seen(scene.client), Seen::done);
  EXPECT_EQ(scene.seen(scene.other), Seen::finished);
  scene.pass(milliseconds(700));
  EXPECT_EQ(scene.seen(scene.other), Seen::done);
}

TEST(MemoryCluster, a_forgotten_job_whose_worker_lives_has_begun_until_its_end_record_is_there) {
  Scene scene({.runs = seconds(5), .upset = Upset::forgotten_and_alive, .upset_at = seconds(1)});
  scene.send();
  scene.pass(seconds(2));

  EXPECT_EQ(scene.seen(scene.client), Seen::begun);
  EXPECT_TRUE(scene.cluster.held().empty());
  EXPECT_EQ(scene.cluster.executing().size(), 1U);
  scene.pass(seconds(4));
  EXPECT_EQ(scene.seen(scene.client), Seen::done);
}

TEST(MemoryCluster, a_forgotten_job_whose_worker_is_gone_is_dead_once_that_is_seen) {
  Scene scene({.runs = seconds(5), .upset = Upset::forgotten_and_dead, .upset_at = seconds(1), .death_seen = seconds(2)});
  scene.send();
  scene.pass(seconds(2));

  EXPECT_EQ(scene.seen(scene.client), Seen::begun);
  scene.pass(seconds(2));
  EXPECT_EQ(scene.seen(scene.client), Seen::dead);
  EXPECT_TRUE(scene.cluster.executing().empty());
}

TEST(MemoryCluster, a_key_that_runs_again_begins_nothing_twice) {
  for (const auto upset : {Upset::worker_dies, Upset::worker_retires, Upset::result_lost}) {
    Scene scene({.runs = seconds(2), .upset = upset, .upset_at = seconds(1), .death_seen = seconds(1)});
    scene.send();
    scene.pass(seconds(10));

    EXPECT_EQ(scene.cluster.beginnings(job_id), 1);
    EXPECT_EQ(scene.seen(scene.client), upset == Upset::worker_dies ? Seen::dead : Seen::done);
  }
}

TEST(MemoryCluster, a_late_submission_of_a_released_job_begins_nothing_and_tells_its_sender) {
  Scene scene({.runs = seconds(1)});
  scene.send();
  scene.pass(seconds(2));
  ASSERT_TRUE(scene.world.look(scene.client.release(run, {job_id})));
  EXPECT_EQ(scene.seen(scene.client), Seen::unknown);

  ASSERT_TRUE(scene.world.look(scene.other.submit({job()})));
  scene.pass(seconds(1));

  EXPECT_EQ(scene.cluster.beginnings(job_id), 1);
  EXPECT_TRUE(scene.other.has_pushes(run));
  EXPECT_EQ(scene.cluster.held().size(), 1U);
  ASSERT_TRUE(scene.world.look(scene.other.release(run, {job_id})));
  EXPECT_TRUE(scene.cluster.held().empty());
}

TEST(MemoryCluster, a_late_submission_of_one_who_is_gone_is_stray) {
  Scene scene({.runs = seconds(1)});
  ASSERT_TRUE(scene.world.look(scene.client.bar(run, {job_id})));
  ASSERT_TRUE(scene.world.look(scene.client.release(run, {job_id})));
  {
    MemoryBackend gone(scene.cluster, scene.runtime);
    ASSERT_TRUE(scene.world.look(gone.submit({job()})));
  }
  scene.pass(seconds(1));

  EXPECT_EQ(scene.cluster.beginnings(job_id), 0);
  EXPECT_TRUE(scene.cluster.held().empty());
  EXPECT_EQ(scene.cluster.stray(), std::vector<JobId>{job_id});
}

TEST(MemoryCluster, a_cluster_that_forgets_what_is_cancelled_leaves_the_end_beside_the_claim) {
  Scene scene({.runs = seconds(60), .stops_after = seconds(1)}, {.slots = 1, .forgets_cancelled = true});
  scene.send();
  scene.pass(seconds(1));
  ASSERT_TRUE(scene.world.look(scene.client.cancel(run, {{job_id, false}})));

  EXPECT_EQ(scene.seen(scene.client), Seen::begun);
  scene.pass(seconds(2));
  EXPECT_EQ(scene.seen(scene.client), Seen::erred);
  EXPECT_TRUE(scene.cluster.executing().empty());
}

TEST(MemoryBackend, a_lost_stream_names_no_job_and_makes_everything_news) {
  Scene scene({.runs = seconds(1)});
  scene.send();
  scene.pass(seconds(2));
  const auto before = scene.world.look(scene.client.observe(run, {}, Cursor::begin()));
  const auto taken = scene.world.look(scene.client.pushes());
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->at(0).jobs, std::vector<JobId>{job_id});

  scene.client.lose_stream();

  const auto lost = scene.world.look(scene.client.pushes());
  ASSERT_TRUE(lost);
  EXPECT_TRUE(lost->at(0).jobs.empty());
  EXPECT_EQ(scene.world.look(scene.client.observe(run, {}, before.cursor)).news.size(), 1U);
}

TEST(MemoryCluster, stops_when_it_is_told_to) {
  World world(1);
  const auto who = world.start();
  SimulatedRuntime runtime(world, who);
  MemoryCluster cluster(runtime, {.slots = 1}, [](const core::Job&) { return Fate{.runs = std::chrono::hours(1)}; });
  MemoryBackend client(cluster, runtime);
  ASSERT_TRUE(world.look(client.submit({job()})));
  auto queued = job();
  queued.id = JobId("queued");
  ASSERT_TRUE(world.look(client.submit({queued})));
  world.run_until([] { return false; }, seconds(1));

  bool stopped = false;
  world.spawn(who, cluster.stop(), [&] { stopped = true; });

  EXPECT_TRUE(world.run_until([&] { return stopped; }, seconds(1)));
  EXPECT_TRUE(cluster.executing().empty());
}

}  // namespace
}  // namespace baton
