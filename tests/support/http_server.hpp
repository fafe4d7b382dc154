// A small HTTP server on this machine, for tests of downloads: it serves strings, continues them where asked
// to, and misbehaves as told.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace gradzone::support {

class HttpServer {
 public:
  HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, generic, &length) != 0)
      throw std::runtime_error("cannot listen on this machine");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    stall = false;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  void serve(const std::string& name, std::string content) {
    const std::lock_guard lock(mutex_);
    files_[name] = std::move(content);
  }
  /// Answers 200 with everything even if a part is asked for.
  std::atomic<bool> ignore_ranges = false;
  /// Closes the connection after this many bytes of each answer's content; negative: never.
  std::atomic<long> break_after = -1;
  /// Says nothing more after break_after, but does not close the connection either.
  std::atomic<bool> stall = false;
  /// "NAME FIRST" of every request so far, FIRST being the first byte asked for.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (int client; (client = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(client)) {
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        request.append(buffer, static_cast<std::size_t>(n));
      }
      const std::string answer = answer_to(request);
      for (std::size_t done = 0; done < answer.size();) {
        const ssize_t n = ::send(client, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
      while (stall) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::string answer_to(const std::string& request) {
    const std::size_t begin = request.find('/') + 1;
    const std::string name = request.substr(begin, request.find(' ', begin) - begin);
    const std::size_t range = request.find("Range: bytes=");
    const std::size_t first =
        range == std::string::npos ? 0 : std::strtoull(request.c_str() + range + 13, nullptr, 10);
    const std::lock_guard lock(mutex_);
    requests_.push_back(name + " " + std::to_string(first));
    const auto it = files_.find(name);
    const std::string close = "Connection: close\r\n";
    if (it == files_.end()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" + close + "\r\n";
    const std::string& all = it->second;
    const bool part = range != std::string::npos && !ignore_ranges;
    if (part && first >= all.size())
      return "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n" + close + "\r\n";
    const std::string content = part ? all.substr(first) : all;
    std::string head = part ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                                  std::to_string(first) + "-" + std::to_string(all.size() - 1) + "/" +
                                  std::to_string(all.size()) + "\r\n"
                            : std::string("HTTP/1.1 200 OK\r\n");
    head += "Content-Length: " + std::to_string(content.size()) + "\r\n" + close + "\r\n";
    return head +
           (break_after < 0 ? content : content.substr(0, static_cast<std::size_t>(break_after.load())));
  }

  int listener_;
  int port_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace gradzone::support
