#include "backend/local/messages.hpp"

#include <gtest/gtest.h>

#include "backend/local/ticket.hpp"

namespace baton::local {
namespace {

Spec any_spec() {
  return {.id = "id",
          .folder = "/w",
          .argv = {"sh", "-c", std::string("a\0b", 3)},
          .environment = {"A=1"},
          .inputs = "{}",
          .copies = {{"/from", "name"}},
          .folders = {"sub"},
          .resources = {{"cpu", 0.5}},
          .run_us = 1,
          .silence_us = 2,
          .grace_us = 3,
          .ticket = std::string("\0\1\2", 3)};
}

/// The frame without its length.
std::string body(const std::string& frame) { return frame.substr(4); }

TEST(Messages, a_begin_arrives_as_it_was_sent) {
  const auto request = decode_request(body(encode(Request(Begin{{any_spec(), Spec{.id = "b"}}}))));

  ASSERT_TRUE(request.has_value());
  const auto& begin = std::get<Begin>(*request);
  ASSERT_EQ(begin.jobs.size(), 2u);
  EXPECT_EQ(begin.jobs[0], any_spec());
  EXPECT_EQ(begin.jobs[1], Spec{.id = "b"});
}

TEST(Messages, an_answer_arrives_as_it_was_sent) {
  const Report report{.id = "id",
                      .status = Status::ended,
                      .reason = Reason::oom,
                      .code = 137,
                      .signal = 9,
                      .started_us = 1,
                      .ended_us = 2,
                      .inode = 3,
                      .ticket = "t"};

  const auto response = decode_response(body(encode(Response(Answer{7, {report}}))));

  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(std::get<Answer>(*response).token, 7u);
  EXPECT_EQ(std::get<Answer>(*response).reports, std::vector{report});
}

TEST(Messages, a_stream_is_cut_into_frames_wherever_it_is_torn) {
  const auto stream = encode(Request(Bar{{"a"}})) + encode(Request(Forget{{"b", "c"}}));
  for (std::size_t torn = 0; torn <= stream.size(); ++torn) {
    Frames frames;
    std::vector<std::string> got;
    for (const auto part : {std::string_view(stream).substr(0, torn), std::string_view(stream).substr(torn)}) {
      frames.add(part);
      while (const auto frame = frames.next()) got.emplace_back(*frame);
    }
    ASSERT_EQ(got, (std::vector{body(encode(Request(Bar{{"a"}}))), body(encode(Request(Forget{{"b", "c"}})))})) << torn;
  }
}

TEST(Messages, a_message_that_is_cut_anywhere_is_none) {
  const auto whole = body(encode(Request(Begin{{any_spec()}})));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_request(whole.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode_request(whole + "x").has_value());
}

TEST(Messages, a_frame_longer_than_any_message_breaks_the_line) {
  Frames frames;
  frames.add(std::string("\xff\xff\xff\xff", 4));

  EXPECT_FALSE(frames.next().has_value());
  EXPECT_TRUE(frames.broken());
}

TEST(Ticket, it_comes_back_as_it_was_given) {
  Ticket ticket{.run = {UserId(1), ProjectId("p"), Iteration(2)},
                .node = "align[a]",
                .folder = "/out/align/a",
                .work = "/s/runs/u/align/a@1",
                .has_inputs = true,
                .outputs = {{.port = "f", .kind = core::OutputKind::directory, .name = "d", .by_stat = true}},
                .stamps = {{.path = "/x", .stat = "s", .digest = "d", .settled = false}},
                .simulated = true,
                .run_us = 5,
                .silence_us = 6};

  EXPECT_EQ(decode_ticket(encode(ticket)), ticket);
  EXPECT_EQ(decode_ticket(encode(ticket).substr(1)), std::nullopt);
  EXPECT_EQ(decode_ticket(""), std::nullopt);
}

core::Job any_job() {
  auto step = std::make_shared<core::Step>();
  step->command = {
      .shell = true,
      .words = {"tool -t ${resources.cpu} ${inputs.name} ${inputs.many} > ${outputs.f} # ${node.id} ${node.attempt} $HOME"}};
  step->outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "sub/f.txt"}};
  step->resources = {{"cpu", 2.0}, {"ram", 1073741824.0}};
  step->env = {{"E", "${foreach.s}-${params.p}"}};
  step->limits = {.run = std::chrono::seconds(3), .silence = {}, .waiting = {}, .grace = std::chrono::seconds(1)};
  return {.id = JobId("id"),
          .run = {},
          .run_uuid = RunUuid("u"),
          .node = NodeId("a[x]"),
          .attempt = 2,
          .folder = "a/x",
          .step = step,
          .foreach = {{"s", {"\"x\""}}},
          .params = {{"p", {"[1,2]"}}},
          .inputs = {{.port = "name", .list = false, .items = {core::Value{"\"it's\""}}},
                     {.port = "many", .list = true, .items = {core::Stamp{.path = "/a b"}, core::Stamp{.path = "/c"}}}}};
}

TEST(Ticket, a_job_is_told_whole_and_the_same_each_time) {
  const auto ticket = ticket_of(any_job(), "/s/runs", "/out");
  const auto spec = spec_of(any_job(), ticket, "/s/no-inputs.json");

  EXPECT_EQ(spec, spec_of(any_job(), ticket_of(any_job(), "/s/runs", "/out"), "/s/no-inputs.json"));
  EXPECT_EQ(spec.folder, "/s/runs/u/a/x@2");
  EXPECT_EQ(ticket.folder, "/out/a/x");
  EXPECT_EQ(spec.argv,
            (std::vector<std::string>{"/bin/sh", "-eu", "-c",
                                      R"(tool -t 2 'it'\''s' '/a b' /c > /s/runs/u/a/x@2/sub/f.txt # 'a[x]' 2 $HOME)"}));
  EXPECT_EQ(spec.environment, (std::vector<std::string>{"BATON_JOB=id", "BATON_NODE=a[x]", "BATON_RUN=u", "BATON_ATTEMPT=2",
                                                        "BATON_CPUS=2", "BATON_INPUTS=/s/runs/u/a/x@2.in.json",
                                                        "BATON_OUTPUTS=/s/runs/u/a/x@2.out.json", "E=x-1 2"}));
  EXPECT_EQ(spec.inputs, "{\"name\":\"it's\",\"many\":[\"/a b\",\"/c\"]}\n");
  EXPECT_EQ(spec.folders, std::vector<std::string>{"sub"});
  EXPECT_EQ(spec.run_us, 3'000'000);
  EXPECT_EQ(spec.silence_us, 0);
  EXPECT_EQ(spec.grace_us, 1'000'000);
}

TEST(Ticket, a_job_without_words_is_one_that_cannot_be_started) {
  for (const bool shell : {true, false}) {
    auto job = any_job();
    auto step = *job.step;
    step.command = {.shell = shell, .words = {}};
    job.step = std::make_shared<const core::Step>(std::move(step));

    EXPECT_EQ(spec_of(job, ticket_of(job, "/s/runs", "/out"), "/s/no-inputs.json").argv, std::vector<std::string>{""});
  }
}

}  // namespace
}  // namespace baton::local
