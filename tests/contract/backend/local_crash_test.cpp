// What is left of local jobs when Baton, its keeper, or both are killed.
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include "backend/local/journal.hpp"
#include "backend/local/messages.hpp"
#include "backend/local/processes.hpp"
#include "backend/local/ticket.hpp"
#include "local_world.hpp"

namespace baton::test {
namespace {

using core::Seen;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class LocalCrash : public testing::Test {
 protected:
  LocalWorld world_{2};
  std::unique_ptr<Backend> backend_ = world_.connect();

  void submit(const core::Job& job) { ASSERT_TRUE(wait(world_, backend_->submit({job})).has_value()); }
  /// As a Baton that is killed and run again: a new client that knows nothing.
  void restart_baton() {
    backend_.reset();
    backend_ = world_.connect();
  }
  /// A job that writes its pid, and ends when `go` is there.
  core::Job held(const std::string& node, std::int32_t attempt = 1) {
    return world_.shell(
        node, "echo $$ > '" + world_.path("pid") + "'; while [ ! -e '" + world_.path("go") + "' ]; do sleep 0.01; done", attempt);
  }
  void let_go() { std::ofstream(world_.path("go")) << "go"; }
  pid_t pid_of_job() {
    EXPECT_TRUE(eventually([this] { return text_of(world_.path("pid")).ends_with('\n'); }));
    return std::atoi(text_of(world_.path("pid")).c_str());
  }
};

TEST_F(LocalCrash, a_running_job_is_followed_to_its_end_by_the_next_baton) {
  const auto job = held("step");
  submit(job);
  until(world_, *backend_, job, Seen::running);

  restart_baton();
  EXPECT_EQ(until(world_, *backend_, job, Seen::running).seen, Seen::running);
  let_go();

  EXPECT_EQ(until(world_, *backend_, job, ended).seen, Seen::done);
  EXPECT_EQ(world_.beginnings(job), 1);
}

/// A keeper of one connection: it answers the first question about a job with "running", and tells its end in the same breath.
void answer_and_tell_the_end(const std::string& state, const core::Job& job) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (state + "/keeper.sock").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  const auto ticket =
      local::spec_of(job, local::ticket_of(job, state + "/runs", state + "/out"), state + "/no-inputs.json").ticket;
  std::thread([listener, ticket] {
    const int line = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    local::Frames frames;
    std::array<char, 65536> part{};
    for (ssize_t size = 0; (size = ::recv(line, part.data(), part.size(), 0)) > 0;) {
      frames.add({part.data(), static_cast<std::size_t>(size)});
      while (const auto frame = frames.next()) {
        const auto request = local::decode_request(*frame);
        const auto* query = request ? std::get_if<local::Query>(&*request) : nullptr;
        if (query == nullptr) continue;
        local::Answer answer{.token = query->token, .reports = {}};
        for (const auto& id : query->jobs)
          answer.reports.push_back({.id = id, .status = local::Status::running, .ticket = ticket});
        auto words = local::encode(local::Response(answer));
        for (const auto& id : query->jobs)
          words += local::encode(local::Response(local::News{{{.id = id, .status = local::Status::ended, .code = 3}}}));
        ASSERT_EQ(::send(line, words.data(), words.size(), MSG_NOSIGNAL), static_cast<ssize_t>(words.size()));
      }
    }
    ::close(line);
  }).detach();
}

TEST_F(LocalCrash, an_end_that_is_told_right_behind_the_answer_about_a_job_is_not_lost) {
  const auto job = world_.bare("step", "exit 3");
  answer_and_tell_the_end(world_.state(), job);

  EXPECT_EQ(until(world_, *backend_, job, ended).seen, Seen::erred);
}

TEST_F(LocalCrash, a_job_that_ended_while_no_baton_was_there_is_collected_with_its_outputs) {
  auto job =
      world_.shell("step", "while [ ! -e '" + world_.path("go") + "' ]; do sleep 0.01; done; echo text > \"${outputs.f}\"");
  step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"}};
  submit(job);
  until(world_, *backend_, job, Seen::running);

  backend_.reset();
  let_go();
  ASSERT_TRUE(eventually([&] { return world_.keeper() == 0; }));  // the last job has ended, and nobody is connected
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, job, ended).seen, Seen::done);
  EXPECT_EQ(text_of(world_.out() + "/step/f.txt"), "text\n");
  EXPECT_EQ(world_.beginnings(job), 1);
}

TEST_F(LocalCrash, a_queued_job_does_not_begin_for_a_baton_that_is_gone) {
  const auto first = held("first");
  const auto second = held("second");
  const auto third = world_.shell("third", "true");
  ASSERT_TRUE(wait(world_, backend_->submit({first, second, third})).has_value());
  until(world_, *backend_, second, Seen::running);

  backend_.reset();
  let_go();
  ASSERT_TRUE(eventually([&] { return world_.keeper() == 0; }));
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, third, Seen::unknown).seen, Seen::unknown);
  EXPECT_EQ(world_.beginnings(third), 0);
  submit(third);
  EXPECT_EQ(until(world_, *backend_, third, ended).seen, Seen::done);
  EXPECT_EQ(world_.beginnings(third), 1);
}

TEST_F(LocalCrash, what_ran_under_a_killed_keeper_is_ended_and_dead) {
  const auto job = held("step");
  submit(job);
  until(world_, *backend_, job, Seen::running);
  const auto pid = pid_of_job();

  world_.kill_keeper();

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
  submit(job);
  EXPECT_EQ(look(world_, *backend_, job).seen, Seen::dead);
  EXPECT_EQ(world_.beginnings(job), 1);
}

TEST_F(LocalCrash, what_ran_is_ended_and_dead_when_both_were_killed) {
  const auto job = held("step");
  submit(job);
  until(world_, *backend_, job, Seen::running);
  const auto pid = pid_of_job();

  backend_.reset();
  world_.kill_keeper();
  EXPECT_TRUE(is_alive(pid));
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
}

TEST_F(LocalCrash, what_left_its_group_dies_with_a_lost_job) {
  const auto job = world_.shell("step", "setsid sh -c 'echo $$ > \"" + world_.path("pid") + "\"; sleep 600' & wait");
  submit(job);
  const auto pid = pid_of_job();
  ASSERT_TRUE(is_alive(pid));

  world_.kill_keeper();

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
}

TEST_F(LocalCrash, a_queued_job_begins_under_the_next_keeper) {
  world_.options.slots = 1;
  restart_baton();
  const auto first = held("first");
  const auto second = world_.shell("second", "true");
  ASSERT_TRUE(wait(world_, backend_->submit({first, second})).has_value());
  until(world_, *backend_, first, Seen::running);

  world_.kill_keeper();

  EXPECT_EQ(until(world_, *backend_, first, Seen::dead).seen, Seen::dead);
  EXPECT_EQ(until(world_, *backend_, second, ended).seen, Seen::done);
  EXPECT_EQ(world_.beginnings(second), 1);
}

TEST_F(LocalCrash, what_had_ended_before_a_keeper_was_killed_is_done) {
  const auto job = world_.shell("step", "true");
  submit(job);
  until(world_, *backend_, job, ended);

  backend_.reset();
  world_.kill_keeper();
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, job, ended).seen, Seen::done);
}

TEST_F(LocalCrash, a_bar_outlives_its_keeper) {
  const auto job = world_.shell("step", "true");
  ASSERT_TRUE(wait(world_, backend_->bar(job.run, {job.id})).has_value());
  until(world_, *backend_, job, Seen::barred);

  backend_.reset();
  world_.kill_keeper();
  backend_ = world_.connect();
  submit(job);

  EXPECT_EQ(until(world_, *backend_, job, Seen::barred).seen, Seen::barred);
  EXPECT_EQ(world_.beginnings(job), 0);
}

TEST_F(LocalCrash, a_bar_that_cannot_be_written_is_not_told_until_it_is) {
  const auto first = world_.shell("first", "true");
  submit(first);
  until(world_, *backend_, first, ended);
  const auto size = local::read_journal(text_of(world_.state() + "/jobs.log")).bytes;  // keeper.err is shorter
  const rlimit nothing{.rlim_cur = size, .rlim_max = RLIM_INFINITY};
  const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(::prlimit(world_.keeper(), RLIMIT_FSIZE, &nothing, nullptr), 0);
  const auto job = world_.shell("step", "true");
  ASSERT_TRUE(wait(world_, backend_->bar(job.run, {job.id})).has_value());
  ASSERT_TRUE(eventually([&] {
    look(world_, *backend_, first);  // lets the loop turn
    return text_of(world_.state() + "/keeper.err").find("the journal cannot be written") != std::string::npos;
  }));
  EXPECT_NE(look(world_, *backend_, job).seen, Seen::barred);

  ASSERT_EQ(::prlimit(world_.keeper(), RLIMIT_FSIZE, &all, nullptr), 0);
  until(world_, *backend_, job, Seen::barred);

  backend_.reset();
  world_.kill_keeper();
  backend_ = world_.connect();
  submit(job);
  EXPECT_EQ(until(world_, *backend_, job, Seen::barred).seen, Seen::barred);
  EXPECT_EQ(world_.beginnings(job), 0);
}

TEST_F(LocalCrash, a_released_job_is_not_begun_under_the_next_keeper) {
  const auto job = world_.shell("step", "true");
  submit(job);
  until(world_, *backend_, job, ended);
  ASSERT_TRUE(wait(world_, backend_->release(job.run, {job.id})).has_value());
  until(world_, *backend_, job, Seen::unknown);

  backend_.reset();
  world_.kill_keeper();
  backend_ = world_.connect();
  EXPECT_EQ(look(world_, *backend_, job).seen, Seen::unknown);
  submit(job);

  EXPECT_EQ(until(world_, *backend_, job, Seen::barred).seen, Seen::barred);
  EXPECT_EQ(world_.beginnings(job), 1);
}

TEST_F(LocalCrash, a_begin_of_another_boot_is_dead) {
  const auto job = world_.shell("step", "true");
  backend_.reset();
  {
    std::ofstream journal(world_.state() + "/jobs.log");
    journal << local::line_of(local::BootRecord{"11111111-1111-1111-1111-111111111111"})
            << local::line_of(local::BeginRecord{1, now_us(), job.id.value(), ""})
            << local::line_of(local::PidRecord{1, ::getpid(), 1, 1});
  }
  backend_ = world_.connect();  // that number is ours now: nothing may be killed by it

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_EQ(world_.beginnings(job), 0);
}

TEST_F(LocalCrash, a_stranger_with_the_number_of_a_lost_job_lives) {
  const auto job = world_.shell("step", "true");
  backend_.reset();
  const auto stranger = ::fork();
  if (stranger == 0) {
    ::setpgid(0, 0);
    ::pause();
    ::_exit(0);
  }
  {
    std::ofstream journal(world_.state() + "/jobs.log");
    journal << local::line_of(local::BootRecord{local::boot_id()})
            << local::line_of(local::BeginRecord{1, now_us(), job.id.value(), ""})
            << local::line_of(local::PidRecord{1, stranger, 12, 1});
  }
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_TRUE(is_alive(stranger));
  ::kill(stranger, SIGKILL);
}

TEST_F(LocalCrash, a_claim_without_a_process_is_dead_not_begun_again) {
  const auto job = world_.shell("step", "true");
  backend_.reset();
  {
    std::ofstream journal(world_.state() + "/jobs.log");
    journal << local::line_of(local::BootRecord{local::boot_id()})
            << local::line_of(local::BeginRecord{1, now_us(), job.id.value(), ""});
  }
  backend_ = world_.connect();
  submit(job);

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_EQ(world_.beginnings(job), 0);
}

TEST_F(LocalCrash, a_torn_line_at_the_end_of_the_journal_costs_only_itself) {
  const auto first = world_.shell("first", "true");
  const auto second = world_.shell("second", "true");
  submit(first);
  until(world_, *backend_, first, ended);
  backend_.reset();
  world_.kill_keeper();
  {
    const auto path = world_.state() + "/jobs.log";
    const auto whole = local::read_journal(text_of(path)).bytes;
    std::fstream journal(path, std::ios::in | std::ios::out | std::ios::binary);
    journal.seekp(static_cast<std::streamoff>(whole));
    journal << local::line_of(local::BeginRecord{9, now_us(), second.id.value(), ""}).substr(0, 40);
  }
  backend_ = world_.connect();

  EXPECT_EQ(until(world_, *backend_, first, ended).seen, Seen::done);
  submit(second);
  EXPECT_EQ(until(world_, *backend_, second, ended).seen, Seen::done);
}

TEST_F(LocalCrash, outputs_that_were_published_and_not_committed_are_collected_again) {
  auto job = world_.shell("step", "echo text > \"${outputs.f}\"; echo '{\"n\": 3}' > \"$BATON_OUTPUTS\"; touch rubbish");
  step_of(job).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"},
                          {.port = "n", .kind = core::OutputKind::integer}};
  submit(job);
  const auto first = until(world_, *backend_, job, ended);
  ASSERT_EQ(first.seen, Seen::done);

  restart_baton();

  const auto again = until(world_, *backend_, job, ended);
  ASSERT_EQ(again.seen, Seen::done);
  EXPECT_EQ(again.end->products, first.end->products);
  EXPECT_EQ(text_of(world_.out() + "/step/f.txt"), "text\n");
}

TEST_F(LocalCrash, a_keeper_that_is_told_to_end_takes_its_jobs_with_it) {
  const auto job = held("step");
  submit(job);
  const auto pid = pid_of_job();

  ::kill(world_.keeper(), SIGTERM);

  EXPECT_EQ(until(world_, *backend_, job, Seen::dead).seen, Seen::dead);
  EXPECT_FALSE(is_alive(pid));
}

TEST_F(LocalCrash, the_keeper_goes_when_nothing_runs_and_nobody_is_connected) {
  const auto job = world_.shell("step", "true");
  submit(job);
  until(world_, *backend_, job, ended);
  ASSERT_NE(world_.keeper(), 0);

  backend_.reset();

  EXPECT_TRUE(eventually([&] { return world_.keeper() == 0; }));
  EXPECT_NE(::access((world_.state() + "/keeper.sock").c_str(), F_OK), 0);
}

TEST(LocalKeeper, one_whose_state_was_removed_leaves_the_socket_of_the_next_alone) {
  LocalWorld world(1);
  auto before = world.connect();
  EXPECT_EQ(world.run_to_end(*before, world.shell("step", "true")).seen, Seen::done);
  const auto old = world.keeper();
  std::filesystem::remove_all(world.state());
  auto now = world.connect();
  EXPECT_EQ(world.run_to_end(*now, world.shell("step", "true", 2)).seen, Seen::done);
  ASSERT_NE(world.keeper(), old);

  before.reset();

  EXPECT_TRUE(eventually([old] { return !is_alive(old); }));
  auto other = world.connect();  // by the socket's path
  EXPECT_EQ(world.run_to_end(*other, world.shell("step", "true", 3)).seen, Seen::done);
  EXPECT_EQ(::access((world.state() + "/keeper.sock").c_str(), F_OK), 0);
}

TEST(LocalKeeper, one_that_cannot_start_is_tried_seldom_and_its_reason_told) {
  LocalWorld world(1);
  std::filesystem::create_directory(world.state() + "/jobs.log");
  auto backend = world.connect();

  const auto done = wait(world, backend->submit({world.shell("step", "true")}));

  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, "backend.unavailable");
  EXPECT_NE(done.error().what.find("the journal cannot be opened: Is a directory"), std::string::npos) << done.error().what;
  const auto complaints = text_of(world.state() + "/keeper.err");
  const auto keepers = std::ranges::count(complaints, '\n');
  EXPECT_GE(keepers, 2);
  EXPECT_LT(keepers, 20);
}

TEST(LocalKeeper, one_that_can_start_again_is_found) {
  LocalWorld world(1);
  std::filesystem::create_directory(world.state() + "/jobs.log");
  auto backend = world.connect();
  const auto job = world.shell("step", "true");
  ASSERT_FALSE(wait(world, backend->submit({job})).has_value());

  std::filesystem::remove(world.state() + "/jobs.log");

  EXPECT_TRUE(eventually([&] { return wait(world, backend->submit({job})).has_value(); }));
  EXPECT_EQ(until(world, *backend, job, ended).seen, Seen::done);
}

TEST(LocalKeeper, its_complaints_are_cut_when_they_are_many) {
  LocalWorld world(1);
  std::ofstream(world.state() + "/keeper.err") << std::string((1 << 20) + 1, '\n');
  auto backend = world.connect();

  EXPECT_EQ(world.run_to_end(*backend, world.shell("step", "true")).seen, Seen::done);

  EXPECT_EQ(text_of(world.state() + "/keeper.err"), "");
}

TEST(LocalLongPath, a_state_directory_of_any_length_has_a_keeper) {
  LocalWorld world(1, std::string(90, 'a') + "/" + std::string(90, 'b'));
  auto backend = world.connect();
  const auto job = world.shell("step", "true");
  EXPECT_EQ(world.run_to_end(*backend, job).seen, Seen::done);

  auto other = world.connect();  // by the socket's path, where the first had its line from the start

  EXPECT_EQ(until(world, *other, job, ended).seen, Seen::done);
}

}  // namespace
}  // namespace baton::test
