/// This process on this host, as the command line sees it: SQLite, a queue and a lock in memory, local jobs, POSIX files.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/house.hpp"
#include "files/posix/posix_files.hpp"
#include "interrupts.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton {

class Here final : public cli::House {
 public:
  explicit Here(AsioRuntime& runtime) : runtime_(runtime), files_(runtime), interrupts_(runtime.io()) {}

  Runtime& runtime() override { return runtime_; }
  Files& files(std::vector<std::string> own) override {
    files_.leave_out(std::move(own));
    return files_;
  }
  Result<std::unique_ptr<cli::Workplace>> work(cli::WorkOptions options) override;
  Result<std::unique_ptr<Store>> read(std::string dir) override;
  Result<std::unique_ptr<Server>> server(cli::ServerOptions options) override;
  std::optional<cli::Holder> holder(const std::string& dir) override;
  bool interrupt(const cli::Holder& holder) override;
  void on_interrupt(std::function<void()> told) override { interrupts_.on_interrupt(std::move(told)); }
  [[noreturn]] void leave(int code) override;

 private:
  AsioRuntime& runtime_;
  PosixFiles files_;
  InterruptSignals interrupts_;
};

}  // namespace baton
