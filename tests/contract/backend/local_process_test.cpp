// Jobs as processes: what they see, what is left of them, what they may write, what they are counted by.
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "local_world.hpp"

namespace baton::test {
namespace {

using core::Seen;

class LocalProcess : public testing::Test {
 protected:
  LocalWorld world_{2};
  std::unique_ptr<Backend> backend_ = world_.connect();
  core::Observation run(const core::Job& job) { return world_.run_to_end(*backend_, job); }
  std::string log_of(const core::Observation& seen) { return text_of(seen.end->log); }
};

/// The jobs of which processes are left, by what these have in their environment.
std::set<std::string> processes_of(const LocalWorld& world) {
  std::set<std::string> jobs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto text = text_of(entry.path() / "environ");
    const auto at = text.find("BATON_JOB=");
    if (at == std::string::npos || text.find("BATON_INPUTS=" + world.state()) == std::string::npos) continue;
    jobs.insert(text.substr(at + 10, text.find('\0', at) - at - 10));
  }
  return jobs;
}

TEST_F(LocalProcess, a_job_sees_what_the_format_promises) {
  auto job = world_.bare("align", "echo $BATON_NODE $BATON_RUN $BATON_ATTEMPT $BATON_CPUS $GREETING; cat $BATON_INPUTS", 2);
  auto& step = step_of(job);
  step.resources["cpu"] = 2;
  step.env["GREETING"] = "hello ${inputs.name}";
  job.inputs = {{.port = "name", .list = false, .items = {core::Value{"\"wor ld\""}}},
                {.port = "file", .list = false, .items = {core::Stamp{.path = "/a/b c"}}},
                {.port = "many", .list = true, .items = {core::Value{"1"}, core::Value{"{\"k\":2}"}}}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(log_of(seen),
            "align 6b1d1f4e-6a0f-4c1e-9a8c-0d2f3a4b5c6d 2 2 hello wor ld\n"
            "{\"name\":\"wor ld\",\"file\":\"/a/b c\",\"many\":[1,{\"k\":2}]}\n");
}

TEST_F(LocalProcess, a_shell_command_ends_at_its_first_failure) {
  const auto seen = run(world_.bare("step", "false; echo never"));

  EXPECT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->exit_code, 1);
  EXPECT_EQ(seen.end->error->code, "runtime.exit");
  EXPECT_EQ(log_of(seen), "");
}

TEST_F(LocalProcess, argv_is_run_without_a_shell_and_found_by_PATH) {
  auto job = world_.bare("step", "");
  step_of(job).command = {.shell = false, .words = {"printf", "%s|", "a b", "$HOME", "${node.id}"}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(log_of(seen), "a b|$HOME|step|");
}

TEST_F(LocalProcess, extra_files_lie_in_the_work_directory) {
  std::ofstream(world_.path("tool.sh")) << "#!/bin/sh\necho from the tool\n";
  std::filesystem::permissions(world_.path("tool.sh"), std::filesystem::perms::owner_all);
  auto job = world_.bare("step", "./tool.sh");
  step_of(job).files = {{.path = world_.path("tool.sh")}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(log_of(seen), "from the tool\n");
}

TEST_F(LocalProcess, an_extra_folder_lies_there_with_all_that_is_in_it) {
  std::filesystem::create_directories(world_.path("lib/deep"));
  std::ofstream(world_.path("lib/deep/tool.sh")) << "echo from the folder\n";
  auto job = world_.bare("step", "sh lib/deep/tool.sh");
  step_of(job).files = {{.path = world_.path("lib"), .directory = true}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::done) << log_of(seen);
  EXPECT_EQ(log_of(seen), "from the folder\n");
}

TEST_F(LocalProcess, a_node_is_called_like_another_ones_attempt_and_keeps_its_folder) {
  auto outer = world_.bare("a", "sleep 0.2");
  auto inner = world_.bare("a.1", "sleep 0.6; ls -d .");
  outer.folder = "a";
  inner.folder = "a.1/x";
  ASSERT_TRUE(wait(world_, backend_->submit({outer, inner})).has_value());

  const auto first = until(world_, *backend_, outer, ended), second = until(world_, *backend_, inner, ended);

  EXPECT_EQ(first.seen, Seen::done);
  EXPECT_EQ(second.seen, Seen::done) << log_of(second);
}

TEST_F(LocalProcess, a_command_that_cannot_be_started_says_why) {
  auto job = world_.bare("step", "");
  step_of(job).command = {.shell = false, .words = {"no-such-program-anywhere"}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::spawn);
  EXPECT_EQ(seen.end->error->code, "runtime.spawn");
  EXPECT_NE(seen.end->error->what.find("No such file"), std::string::npos);
}

TEST_F(LocalProcess, an_end_by_a_signal_names_it) {
  const auto seen = run(world_.bare("step", "kill -SEGV $$"));

  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::signal);
  EXPECT_EQ(seen.end->exit_code, 128 + SIGSEGV);
  EXPECT_NE(seen.end->error->what.find("SIGSEGV"), std::string::npos);
}

TEST_F(LocalProcess, a_job_has_a_clean_slate) {
  const auto seen = run(world_.bare("step",
                                    "ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status; grep -cE "
                                    "'SigIgn:.0000000(00|18)0000000' /proc/self/status; read line || echo no input"));

  ASSERT_EQ(seen.seen, Seen::done);
  // Open are 0, 1, 2 and the folder that ls reads. 32 and 33 are the C library's own signals: it lets nobody change them.
  EXPECT_EQ(log_of(seen), "4\nSigBlk:\t0000000000000000\n1\nno input\n");
}

TEST_F(LocalProcess, what_a_job_leaves_in_its_group_ends_with_it) {
  const auto seen = run(world_.bare("step", "sleep 600 & echo $!"));

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_FALSE(is_alive(std::atoi(log_of(seen).c_str())));
}

TEST_F(LocalProcess, what_left_the_group_of_a_job_ends_with_it) {
  const auto seen = run(world_.bare("step", "setsid sh -c 'echo $$; sleep 600; true' & sleep 0.2"));

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_GT(std::atoi(log_of(seen).c_str()), 0);
  EXPECT_EQ(processes_of(world_), std::set<std::string>{});
}

TEST_F(LocalProcess, what_left_the_group_of_a_job_ends_with_it_while_others_run) {
  const auto other = world_.bare("other", "echo begun; sleep 600");
  ASSERT_TRUE(wait(world_, backend_->submit({other})).has_value());
  until(world_, *backend_, other, Seen::running);

  const auto seen = run(world_.bare("step", "setsid sh -c 'sleep 600; true' & sleep 0.2"));

  ASSERT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(processes_of(world_), std::set<std::string>{other.id.value()});
}

TEST_F(LocalProcess, a_command_in_a_group_of_its_own_ends_with_a_time_out) {
  auto job = world_.bare("step", "timeout 77 sleep 76");
  step_of(job).limits = {.run = std::chrono::milliseconds(200), .silence = {}, .waiting = {}, .grace = std::chrono::seconds(5)};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->error->code, "runtime.timeout");
  EXPECT_EQ(processes_of(world_), std::set<std::string>{});
}

TEST_F(LocalProcess, a_command_in_a_group_of_its_own_hears_TERM) {
  auto job =
      world_.bare("step", "timeout 77 sh -c 'trap \"echo heard; exit 1\" TERM; while :; do sleep 0.01; done' & wait || wait");
  step_of(job).command.words = {"trap 'wait; exit 1' TERM; " + step_of(job).command.words.front()};
  step_of(job).limits = {.run = std::chrono::milliseconds(300), .silence = {}, .waiting = {}, .grace = std::chrono::seconds(5)};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_NE(log_of(seen).find("heard"), std::string::npos) << log_of(seen);
  EXPECT_EQ(processes_of(world_), std::set<std::string>{});
}

TEST_F(LocalProcess, what_a_job_left_in_the_background_writes_nothing_after_its_end) {
  auto job = world_.bare("step", "(while :; do echo more >> \"${outputs.f}\"; done) & sleep 0.05");
  step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"}};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::done);
  const auto size = std::filesystem::file_size(world_.out() + "/step/f.txt");
  const auto other = run(world_.bare("other", "true"));
  EXPECT_EQ(other.seen, Seen::done);
  EXPECT_EQ(std::filesystem::file_size(world_.out() + "/step/f.txt"), size);
}

TEST_F(LocalProcess, a_group_that_ignores_TERM_is_killed_whole) {
  auto job = world_.bare(
      "step", "trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 0.05; done\" & echo $!; while :; do sleep 0.05; done");
  step_of(job).limits = {
      .run = std::chrono::milliseconds(100), .silence = {}, .waiting = {}, .grace = std::chrono::milliseconds(100)};

  const auto seen = run(job);

  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->error->code, "runtime.timeout");
  EXPECT_EQ(seen.end->exit_code, 128 + SIGKILL);
  EXPECT_FALSE(is_alive(std::atoi(log_of(seen).c_str())));
}

TEST_F(LocalProcess, a_stopped_job_is_ended_by_its_limit) {
  auto job = world_.bare("step", "kill -STOP $$");
  step_of(job).limits.run = std::chrono::milliseconds(100);

  EXPECT_EQ(run(job).end->error->code, "runtime.timeout");
}

TEST_F(LocalProcess, a_job_that_talks_is_not_silent) {
  auto job = world_.bare("step", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done");
  step_of(job).limits.silence = std::chrono::milliseconds(500);

  EXPECT_EQ(run(job).seen, Seen::done);
}

TEST_F(LocalProcess, a_kill_while_the_kernel_counts_one_for_memory_is_oom) {
  ::setenv("BATON_TEST_OOM_FILE", world_.path("events").c_str(), 1);
  std::ofstream(world_.path("events")) << "low 0\noom_kill 3\n";

  const auto killed = run(world_.bare("killed", "kill -KILL $$"));
  const auto oom = run(world_.bare("oom", "echo 'oom_kill 4' > '" + world_.path("events") + "'; kill -KILL $$"));
  ::unsetenv("BATON_TEST_OOM_FILE");

  EXPECT_EQ(killed.end->kind, core::EndKind::signal);
  EXPECT_EQ(oom.end->kind, core::EndKind::oom);
  EXPECT_EQ(oom.end->error->code, "runtime.oom");
}

TEST_F(LocalProcess, a_log_of_100_MB_keeps_its_first_and_its_last_half) {
  const auto seen = run(world_.bare("step", "echo first; head -c 100000000 /dev/zero; echo; echo last"));

  ASSERT_EQ(seen.seen, Seen::done);
  const auto log = log_of(seen);
  EXPECT_GE(log.size(), 64u << 20);
  EXPECT_LE(log.size(), (64u << 20) + 100);
  EXPECT_TRUE(log.starts_with("first\n"));
  EXPECT_TRUE(log.ends_with("\nlast\n"));
  EXPECT_NE(log.find("bytes were cut out here]"), std::string::npos);
}

TEST_F(LocalProcess, binary_garbage_in_the_log_does_no_harm) {
  const auto seen = run(world_.bare("step", "head -c 300000 /dev/urandom; printf '\\nPROGRESS: 75%%\\n'"));

  ASSERT_EQ(seen.seen, Seen::done);
  const auto progress = backend_->take_progress();
  ASSERT_FALSE(progress.empty());
  EXPECT_DOUBLE_EQ(progress.back().progress, 0.75);
}

TEST_F(LocalProcess, progress_is_told_while_a_job_runs) {
  const auto job = world_.bare("step", "echo 'PROGRESS: 1/4'; while [ ! -e '" + world_.path("go") + "' ]; do sleep 0.01; done");
  ASSERT_TRUE(wait(world_, backend_->submit({job})).has_value());
  std::vector<JobProgress> told;
  until(world_, *backend_, job, [&](const core::Observation&) {
    told = backend_->take_progress();
    return !told.empty();
  });
  std::ofstream(world_.path("go")) << "go";

  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].job, job.id);
  EXPECT_DOUBLE_EQ(told[0].progress, 0.25);
  EXPECT_EQ(until(world_, *backend_, job, ended).seen, Seen::done);
}

TEST_F(LocalProcess, a_simulated_job_makes_nothing_and_checks_nothing) {
  auto job = world_.shell("step", "exit 3");
  step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"}};
  job.simulated = true;

  const auto seen = run(job);

  EXPECT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(world_.beginnings(job), 0);
  EXPECT_FALSE(std::filesystem::exists(world_.out()));
}

TEST(LocalResources, a_custom_resource_is_shared_out) {
  LocalWorld world(4);
  world.options.resources["license"] = 2;
  auto backend = world.connect();
  std::vector<core::Job> jobs;
  for (int i = 0; i < 6; ++i) {
    // Each counts who is there when it begins; mkdir is atomic.
    jobs.push_back(world.bare("step" + std::to_string(i), "mkdir '" + world.path("in") + std::to_string(i) + "'; ls -d '" +
                                                              world.path("in") + "'* | wc -l; sleep 0.05; rmdir '" +
                                                              world.path("in") + std::to_string(i) + "'"));
    step_of(jobs.back()).resources = {{"license", 1.0}, {"cpu", 0.1}};
  }
  ASSERT_TRUE(wait(world, backend->submit(jobs)).has_value());

  for (const auto& job : jobs) {
    const auto seen = until(world, *backend, job, ended);
    ASSERT_EQ(seen.seen, Seen::done);
    EXPECT_LE(std::atoi(text_of(seen.end->log).c_str()), 2);
  }
}

std::set<std::string> open_files(pid_t pid) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error))
    names.insert(entry.path().filename());
  return names;
}

awaitable<void> run_many(LocalWorld& world, Backend& backend, int count, int& done) {
  const auto before = co_await backend.observe(any_run(), {}, Cursor::begin());
  auto cursor = before.cursor;
  int sent = 0;
  while (done < count) {
    std::vector<core::Job> batch;
    for (; sent < count && sent < done + 64; ++sent) {
      auto job = world.bare("step" + std::to_string(sent), ": > ${outputs.f}");
      step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f"}};
      batch.push_back(std::move(job));
    }
    if (!batch.empty()) co_await backend.submit(std::move(batch));
    const auto pushes = co_await backend.pushes();
    if (!pushes) co_return;
    const auto observed = co_await backend.observe(any_run(), {}, cursor);
    cursor = observed.cursor;
    std::vector<JobId> release;
    for (const auto& seen : observed.news) {
      if (seen.seen == Seen::erred) co_return;
      if (seen.seen == Seen::done) release.push_back(seen.job);
    }
    done += static_cast<int>(release.size());
    if (!release.empty()) co_await backend.release(any_run(), std::move(release));
  }
}

TEST(LocalMany, many_jobs_leak_no_descriptor_and_no_zombie) {
  const int count = std::getenv("BATON_LONG") == nullptr ? 500 : 10'000;
  LocalWorld world(2);
  auto backend = world.connect();
  EXPECT_EQ(world.run_to_end(*backend, world.bare("first", "true")).seen, Seen::done);
  const auto keeper = world.keeper();
  const auto ours = open_files(::getpid());
  const auto its = open_files(keeper);
  int done = 0;

  world.run(run_many(world, *backend, count, done));

  EXPECT_EQ(done, count);
  EXPECT_EQ(open_files(::getpid()), ours);
  EXPECT_EQ(open_files(keeper), its);
  const auto children = text_of("/proc/" + std::to_string(keeper) + "/task/" + std::to_string(keeper) + "/children");
  EXPECT_EQ(children, "");
}

}  // namespace
}  // namespace baton::test
