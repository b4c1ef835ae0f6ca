#include "local_world.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace baton::test {
namespace {

constexpr std::string_view lasting = "while :; do sleep 0.05; done";

}  // namespace

LocalWorld::LocalWorld(std::uint32_t slots, std::string name) {
  const char* folder = std::getenv("TMPDIR");
  auto pattern = std::string(folder == nullptr ? "/tmp" : folder) + "/baton-backend-XXXXXX";
  root_ = ::mkdtemp(pattern.data());
  state_ = root_ / name;
  std::filesystem::create_directories(state_);
  options = {.state = state_, .out = out(), .slots = slots, .resources = {}, .environment = local::own_environment()};
}

LocalWorld::~LocalWorld() {
  kill_keeper();
  std::error_code error;
  // What a killed keeper left running is found by its folder's name in its environment.
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream file(entry.path() / "environ");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find("BATON_INPUTS=" + root_.string()) != std::string::npos)
      ::kill(std::atoi(entry.path().filename().c_str()), SIGKILL);
  }
  std::filesystem::remove_all(root_, error);
}

std::unique_ptr<Backend> LocalWorld::connect() {
  return std::make_unique<local::LocalBackend>(runtime_, runtime_.io().get_executor(), options);
}

core::Job LocalWorld::bare(const std::string& node, const std::string& command, std::int32_t attempt) {
  auto job = job_of({.node = node, .attempt = attempt, .outputs = {}});
  step_of(job).command.words = {command};
  return job;
}
core::Job LocalWorld::shell(const std::string& node, const std::string& command, std::int32_t attempt) {
  return bare(node, "echo begun >> '" + path("begun-" + node + "-" + std::to_string(attempt)) + "'; " + command, attempt);
}

core::Job LocalWorld::job(const Wish& wish) {
  std::string command;
  if (wish.ignores_term) command += "trap '' TERM; ";
  if (wish.lasts)
    command += lasting;
  else if (wish.exit_code != 0)
    command += "exit " + std::to_string(wish.exit_code);
  else
    command += R"(echo '{"n": 1}' > "$BATON_OUTPUTS")";
  auto job = shell(wish.node, command, wish.attempt);
  auto& step = step_of(job);
  step.outputs = wish.outputs;
  step.limits = wish.limits;
  if (wish.impossible) step.resources["cpu"] = 1'000'000;
  return job;
}

int LocalWorld::beginnings(const core::Job& job) {
  std::ifstream file(path("begun-" + job.node.value() + "-" + std::to_string(job.attempt)));
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

pid_t LocalWorld::keeper() const {
  const int file = ::open((state_ + "/keeper.lock").c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return 0;
  const bool free = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  ::close(file);
  return free ? 0 : std::atoi(text_of(state_ + "/keeper.lock").c_str());
}

void LocalWorld::kill_keeper() {
  const auto pid = keeper();
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  eventually([this] { return keeper() == 0; });
}

core::Observation LocalWorld::run_to_end(Backend& backend, const core::Job& job) {
  EXPECT_TRUE(wait(*this, backend.submit({job})).has_value());
  return until(*this, backend, job, ended);
}

core::Step& step_of(core::Job& job) { return const_cast<core::Step&>(*job.step); }  // made for this job alone

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

bool is_alive(pid_t pid) {
  const auto text = text_of("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] != 'Z';
}

std::unique_ptr<BackendWorld> local_world(std::uint32_t slots) { return std::make_unique<LocalWorld>(slots); }

}  // namespace baton::test
