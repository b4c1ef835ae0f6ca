/// A state directory, an out folder, and clients of the local backend.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/local/local_backend.hpp"
#include "backend_world.hpp"

namespace baton::test {

class LocalWorld final : public BackendWorld {
 public:
  explicit LocalWorld(std::uint32_t slots, std::string name = "state");
  ~LocalWorld() override;
  LocalWorld(const LocalWorld&) = delete;
  LocalWorld& operator=(const LocalWorld&) = delete;

  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Backend> connect() override;
  core::Job job(const Wish& wish) override;
  int beginnings(const core::Job& job) override;
  void run(awaitable<void> body) override { runtime_.run(std::move(body)); }

  /// A job of one shell command; it leaves a line in `begun(node)` first.
  core::Job shell(const std::string& node, const std::string& command, std::int32_t attempt = 1);
  /// The same without that line.
  core::Job bare(const std::string& node, const std::string& command, std::int32_t attempt = 1);
  [[nodiscard]] std::string path(const std::string& name) const { return root_ / name; }
  [[nodiscard]] std::string state() const { return state_; }
  [[nodiscard]] std::string out() const { return root_ / "out"; }
  /// The keeper's pid; 0: none has the lock.
  [[nodiscard]] pid_t keeper() const;
  void kill_keeper();
  /// Submits, waits for the end, gives it.
  core::Observation run_to_end(Backend& backend, const core::Job& job);

  local::LocalOptions options;

 private:
  std::filesystem::path root_;
  std::string state_;
  AsioRuntime runtime_;
};

/// A job's step, to be changed before it is submitted.
core::Step& step_of(core::Job& job);
std::string text_of(const std::string& path);
bool is_alive(pid_t pid);

}  // namespace baton::test
