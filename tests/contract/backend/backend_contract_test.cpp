// What every adapter of Backend promises. A new adapter adds one line at the end.
#include "backend_world.hpp"

namespace baton::test {
namespace {

using core::Seen;

struct Adapter {
  std::string name;
  MakeWorld make;
};

class BackendContract : public testing::TestWithParam<Adapter> {
 protected:
  void start(std::uint32_t slots = 2) {
    world_ = GetParam().make(slots);
    backend_ = world_->connect();
  }
  void TearDown() override {
    if (!world_) return;
    backend_.reset();
    world_->stop();
  }
  void submit(const core::Job& job) { ASSERT_TRUE(wait(*world_, backend_->submit({job})).has_value()); }
  Observed observe(Cursor after, std::vector<JobId> ask = {}) {
    return wait(*world_, backend_->observe(any_run(), std::move(ask), after));
  }

  std::unique_ptr<BackendWorld> world_;
  std::unique_ptr<Backend> backend_;
};

TEST_P(BackendContract, a_job_that_succeeds_is_done_with_its_products) {
  start();
  const auto job = world_->job({});

  submit(job);

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::done);
  ASSERT_NE(seen.end, nullptr);
  EXPECT_EQ(seen.end->kind, core::EndKind::ok);
  EXPECT_EQ(seen.end->error, std::nullopt);
  EXPECT_EQ(core::check_products(*job.step, seen.end->products), std::nullopt);
  EXPECT_TRUE(seen.end->started.has_value() && seen.end->ended.has_value());
}

TEST_P(BackendContract, a_job_that_fails_is_erred_with_its_exit_code) {
  start();
  const auto job = world_->job({.exit_code = 3});

  submit(job);

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::erred);
  ASSERT_NE(seen.end, nullptr);
  EXPECT_EQ(seen.end->kind, core::EndKind::exit);
  EXPECT_EQ(seen.end->exit_code, 3);
  ASSERT_TRUE(seen.end->error.has_value());
  EXPECT_EQ(seen.end->error->code.substr(0, 7), "runtime");
}

TEST_P(BackendContract, what_was_never_sent_is_unknown) {
  start();

  EXPECT_EQ(look(*world_, *backend_, world_->job({})).seen, Seen::unknown);
}

TEST_P(BackendContract, a_job_that_is_sent_twice_begins_once) {
  start();
  const auto job = world_->job({});

  submit(job);
  submit(job);
  until(*world_, *backend_, job, ended);
  submit(job);

  EXPECT_EQ(until(*world_, *backend_, job, ended).seen, Seen::done);
  EXPECT_EQ(world_->beginnings(job), 1);
}

TEST_P(BackendContract, a_job_that_two_clients_send_begins_once) {
  start();
  const auto other = world_->connect();
  const auto job = world_->job({});

  submit(job);
  ASSERT_TRUE(wait(*world_, other->submit({job})).has_value());

  EXPECT_EQ(until(*world_, *backend_, job, ended).seen, Seen::done);
  EXPECT_EQ(until(*world_, *other, job, ended).seen, Seen::done);
  EXPECT_EQ(world_->beginnings(job), 1);
}

TEST_P(BackendContract, a_client_that_did_not_send_a_job_finds_its_end) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);

  const auto other = world_->connect();

  const auto seen = until(*world_, *other, job, ended);
  EXPECT_EQ(seen.seen, Seen::done);
  EXPECT_EQ(core::check_products(*job.step, seen.end->products), std::nullopt);
}

TEST_P(BackendContract, a_running_job_says_so) {
  start();
  const auto job = world_->job({.lasts = true});

  submit(job);

  const auto seen = until(*world_, *backend_, job, Seen::running);
  EXPECT_EQ(seen.seen, Seen::running);
  EXPECT_TRUE(seen.started.has_value());
}

TEST_P(BackendContract, no_more_jobs_run_at_a_time_than_there_are_slots) {
  start(1);
  const auto first = world_->job({.node = "first", .lasts = true});
  const auto second = world_->job({.node = "second"});
  ASSERT_TRUE(wait(*world_, backend_->submit({first, second})).has_value());
  ASSERT_EQ(until(*world_, *backend_, first, Seen::running).seen, Seen::running);

  EXPECT_EQ(look(*world_, *backend_, second).seen, Seen::queued);
  EXPECT_EQ(world_->beginnings(second), 0);

  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{first.id, false}})).has_value());
  EXPECT_EQ(until(*world_, *backend_, second, ended).seen, Seen::done);
}

TEST_P(BackendContract, what_is_barred_before_it_is_sent_never_begins) {
  start();
  const auto job = world_->job({});

  ASSERT_TRUE(wait(*world_, backend_->bar(any_run(), {job.id})).has_value());
  ASSERT_EQ(until(*world_, *backend_, job, Seen::barred).seen, Seen::barred);
  submit(job);

  EXPECT_EQ(until(*world_, *backend_, job, Seen::barred).seen, Seen::barred);
  EXPECT_EQ(world_->beginnings(job), 0);
}

TEST_P(BackendContract, a_queued_job_that_is_barred_never_begins) {
  start(1);
  const auto first = world_->job({.node = "first", .lasts = true});
  const auto second = world_->job({.node = "second"});
  ASSERT_TRUE(wait(*world_, backend_->submit({first, second})).has_value());
  until(*world_, *backend_, first, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->bar(any_run(), {second.id})).has_value());
  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{first.id, false}})).has_value());

  EXPECT_EQ(until(*world_, *backend_, second, Seen::barred).seen, Seen::barred);  // at the latest when its turn comes
  EXPECT_EQ(world_->beginnings(second), 0);
}

TEST_P(BackendContract, a_bar_that_comes_late_stops_nothing) {
  start();
  const auto job = world_->job({.lasts = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->bar(any_run(), {job.id})).has_value());

  const auto seen = look(*world_, *backend_, job).seen;
  EXPECT_TRUE(seen == Seen::running || seen == Seen::begun) << core::to_text(seen);
}

TEST_P(BackendContract, a_cancelled_job_ends_as_cancelled) {
  start();
  const auto job = world_->job({.lasts = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{job.id, false}})).has_value());

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::cancelled);
}

TEST_P(BackendContract, a_job_that_ignores_TERM_is_killed_after_its_grace) {
  start();
  const auto job = world_->job({.lasts = true, .ignores_term = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{job.id, false}})).has_value());

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::cancelled);
}

TEST_P(BackendContract, a_hard_cancel_waits_for_no_grace) {
  start();
  Wish wish{.lasts = true, .ignores_term = true};
  wish.limits.grace = std::chrono::hours(1);
  const auto job = world_->job(wish);
  submit(job);
  until(*world_, *backend_, job, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{job.id, false}})).has_value());
  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{job.id, true}})).has_value());

  EXPECT_EQ(until(*world_, *backend_, job, ended).seen, Seen::erred);
}

TEST_P(BackendContract, a_queued_job_that_is_cancelled_is_barred) {
  start(1);
  const auto first = world_->job({.node = "first", .lasts = true});
  const auto second = world_->job({.node = "second"});
  ASSERT_TRUE(wait(*world_, backend_->submit({first, second})).has_value());
  until(*world_, *backend_, first, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{second.id, false}})).has_value());

  EXPECT_EQ(until(*world_, *backend_, second, Seen::barred).seen, Seen::barred);
  EXPECT_EQ(world_->beginnings(second), 0);
}

TEST_P(BackendContract, a_job_that_runs_too_long_ends_by_its_limit) {
  start();
  Wish wish{.lasts = true};
  wish.limits.run = std::chrono::milliseconds(100);
  const auto job = world_->job(wish);

  submit(job);

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::timeout);
  EXPECT_EQ(seen.end->error->code, "runtime.timeout");
}

TEST_P(BackendContract, a_job_that_is_silent_for_too_long_ends_by_its_limit) {
  start();
  Wish wish{.lasts = true};
  wish.limits.silence = std::chrono::milliseconds(200);
  const auto job = world_->job(wish);

  submit(job);

  const auto seen = until(*world_, *backend_, job, ended);
  ASSERT_EQ(seen.seen, Seen::erred);
  EXPECT_EQ(seen.end->kind, core::EndKind::silence);
  EXPECT_EQ(seen.end->error->code, "runtime.silence");
}

TEST_P(BackendContract, what_nothing_there_can_run_is_lacking) {
  start();
  const auto job = world_->job({.impossible = true});

  submit(job);

  EXPECT_EQ(until(*world_, *backend_, job, Seen::lacking).seen, Seen::lacking);
}

TEST_P(BackendContract, a_released_job_is_unknown_and_is_not_begun_again) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);

  ASSERT_TRUE(wait(*world_, backend_->release(any_run(), {job.id})).has_value());
  EXPECT_EQ(until(*world_, *backend_, job, Seen::unknown).seen, Seen::unknown);
  submit(job);  // by a pass that was paused
  until(*world_, *backend_, job, [](const core::Observation& seen) {
    return seen.seen != Seen::queued && seen.seen != Seen::running && seen.seen != Seen::silent;
  });

  EXPECT_EQ(world_->beginnings(job), 1);
}

TEST_P(BackendContract, what_was_told_to_be_forgotten_is_unknown_however_often_it_is_asked_for) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);
  ASSERT_TRUE(wait(*world_, backend_->release(any_run(), {job.id})).has_value());
  until(*world_, *backend_, job, Seen::unknown);

  auto cursor = observe(Cursor::begin()).cursor;
  for (int i = 0; i < 2; ++i) {
    const auto seen = wait(*world_, backend_->observe(any_run(), {job.id}, cursor));
    ASSERT_EQ(seen.news.size(), 1u);
    EXPECT_EQ(seen.news[0].seen, Seen::unknown);
    cursor = seen.cursor;
  }
}

TEST_P(BackendContract, of_a_run_that_is_over_only_what_was_released_is_forgotten) {
  start();
  const auto over = world_->job({.node = "over"}), runs = world_->job({.node = "runs", .lasts = true});
  submit(over);
  submit(runs);
  until(*world_, *backend_, over, ended);
  until(*world_, *backend_, runs, Seen::running);
  ASSERT_TRUE(wait(*world_, backend_->release(any_run(), {over.id})).has_value());
  until(*world_, *backend_, over, Seen::unknown);

  backend_->forget_run(any_run());

  const auto news = observe(Cursor::begin()).news;
  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(news[0].job, runs.id);
  EXPECT_EQ(news[0].seen, Seen::running);
  EXPECT_EQ(look(*world_, *backend_, over).seen, Seen::unknown);
  ASSERT_TRUE(wait(*world_, backend_->cancel(any_run(), {{runs.id, true}})).has_value());
  EXPECT_EQ(until(*world_, *backend_, runs, ended).seen, Seen::erred);
}

TEST_P(BackendContract, a_running_job_is_not_released) {
  start();
  const auto job = world_->job({.lasts = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);

  ASSERT_TRUE(wait(*world_, backend_->release(any_run(), {job.id})).has_value());

  EXPECT_EQ(look(*world_, *backend_, job).seen, Seen::running);
}

TEST_P(BackendContract, news_are_told_until_their_cursor_comes_back) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);

  const auto first = observe(Cursor::begin());
  const auto again = observe(Cursor::begin());  // the commit was lost
  const auto after = observe(first.cursor);

  ASSERT_EQ(first.news.size(), 1u);
  EXPECT_EQ(first.news[0].seen, Seen::done);
  ASSERT_EQ(again.news.size(), 1u);
  EXPECT_EQ(again.news[0].end, first.news[0].end);
  EXPECT_TRUE(after.news.empty());
}

TEST_P(BackendContract, who_asks_is_answered_whatever_the_cursor) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);
  const auto cursor = observe(Cursor::begin()).cursor;

  const auto asked = observe(cursor, {job.id});

  ASSERT_EQ(asked.news.size(), 1u);
  EXPECT_EQ(asked.news[0].seen, Seen::done);
}

TEST_P(BackendContract, an_end_is_pushed) {
  start();
  const auto job = world_->job({});
  submit(job);

  bool found = false;
  for (int i = 0; i < 10 && !found; ++i) {
    const auto pushes = wait(*world_, backend_->pushes());
    ASSERT_TRUE(pushes.has_value());
    for (const auto& push : *pushes) {
      EXPECT_EQ(push.run, any_run());
      found = found || look(*world_, *backend_, job).seen == Seen::done;
    }
  }

  EXPECT_TRUE(found);
}

TEST_P(BackendContract, a_job_that_was_let_go_is_not_pushed_while_another_client_follows_it) {
  start();
  const auto other = world_->connect();
  const auto job = world_->job({.lasts = true});
  auto of_another_run = world_->job({.node = "other"});
  of_another_run.run = {UserId(1), ProjectId("p"), Iteration(2)};
  submit(job);
  until(*world_, *backend_, job, Seen::running);
  until(*world_, *other, job, Seen::running);

  backend_->unfollow(any_run(), {job.id});
  ASSERT_TRUE(wait(*world_, other->cancel(any_run(), {{job.id, true}})).has_value());
  EXPECT_EQ(until(*world_, *other, job, ended).seen, Seen::erred);
  submit(of_another_run);

  bool told = false;
  for (int i = 0; i < 10 && !told; ++i) {
    const auto pushes = wait(*world_, backend_->pushes());
    ASSERT_TRUE(pushes.has_value());
    for (const auto& push : *pushes) EXPECT_EQ(push.run, of_another_run.run);
    told = ended(look(*world_, *backend_, of_another_run));
  }
  EXPECT_TRUE(told);
}

TEST_P(BackendContract, a_job_that_was_let_go_is_forgotten_and_can_be_followed_anew) {
  start();
  const auto job = world_->job({.lasts = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);
  const auto old = observe(Cursor::begin());

  backend_->unfollow(any_run(), {job.id});

  EXPECT_TRUE(observe(Cursor::begin()).news.empty());
  EXPECT_EQ(until(*world_, *backend_, job, Seen::running).seen, Seen::running);
  ASSERT_EQ(observe(Cursor::begin()).news.size(), 1u);
  EXPECT_GT(observe(Cursor::begin()).cursor.value, old.cursor.value);  // a cursor of before hides nothing
  EXPECT_TRUE(eventually([&] { return world_->beginnings(job) == 1; }));
}

TEST_P(BackendContract, a_job_that_has_ended_is_not_let_go) {
  start();
  const auto job = world_->job({});
  submit(job);
  until(*world_, *backend_, job, ended);

  backend_->unfollow(any_run(), {job.id});

  const auto kept = observe(Cursor::begin());
  ASSERT_EQ(kept.news.size(), 1u);
  EXPECT_EQ(kept.news.front().seen, Seen::done);
  EXPECT_NE(kept.news.front().end, nullptr);
}

TEST_P(BackendContract, a_job_that_was_let_go_is_pushed_once_it_is_followed_anew) {
  start();
  const auto job = world_->job({.lasts = true});
  submit(job);
  until(*world_, *backend_, job, Seen::running);
  backend_->unfollow(any_run(), {job.id});
  ASSERT_EQ(until(*world_, *backend_, job, Seen::running).seen, Seen::running);
  const auto other = world_->connect();

  ASSERT_TRUE(wait(*world_, other->cancel(any_run(), {{job.id, true}})).has_value());

  bool told = false;
  for (int i = 0; i < 10 && !told; ++i) {
    const auto pushes = wait(*world_, backend_->pushes());
    ASSERT_TRUE(pushes.has_value());
    for (const auto& push : *pushes) EXPECT_EQ(push.run, any_run());
    told = ended(look(*world_, *backend_, job));
  }
  EXPECT_TRUE(told);
}

TEST_P(BackendContract, a_job_that_nobody_follows_can_be_let_go) {
  start();

  const auto job = world_->job({});
  backend_->unfollow(any_run(), {job.id});

  EXPECT_EQ(look(*world_, *backend_, job).seen, Seen::unknown);
}

TEST_P(BackendContract, nothing_is_pushed_once_it_is_closed) {
  start();
  backend_->close();

  const auto pushes = wait(*world_, backend_->pushes());

  ASSERT_FALSE(pushes.has_value());
  EXPECT_EQ(pushes.error().code, "backend.closed");
}

INSTANTIATE_TEST_SUITE_P(, BackendContract, testing::Values(Adapter{"memory", memory_world}, Adapter{"local", local_world}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace baton::test
