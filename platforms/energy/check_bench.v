// Drives the netlist with a program, for an independent simulator: memory that answers in the next cycle, and a record
// of all nets from cycle BEGIN up to cycle END. Everything changes at the clock's rise, so nets settle once a cycle.

`timescale 1ns / 1ps

module check_bench;
  parameter BEGIN = 0, END = 0;

  reg clock = 0, reset_n = 0, fetched = 0, loaded = 0;
  reg [31:0] instruction = 0, data = 0;
  wire fetch, access, write;
  wire [3:0] enable;
  wire [31:0] fetch_address, address, written;
  reg [31:0] memory[0:1048575];
  integer cycle = 0, at;

  `GATES gates (
      .clk_i         (clock),
      .rst_ni        (reset_n),
      .boot_addr_i   (32'h40010000),
      .instr_req_o   (fetch),
      .instr_rvalid_i(fetched),
      .instr_addr_o  (fetch_address),
      .instr_rdata_i (instruction),
      .data_req_o    (access),
      .data_rvalid_i (loaded),
      .data_we_o     (write),
      .data_be_o     (enable),
      .data_addr_o   (address),
      .data_wdata_o  (written),
      .data_rdata_i  (data)
  );

  initial begin
    for (at = 0; at < 1048576; at = at + 1) memory[at] = 0;
    $readmemh("image.hex", memory, 16384);
    $dumpfile("nets.vcd");
    repeat (20) #10 clock = ~clock;
    #5 reset_n = 1;
    #5 forever #10 clock = ~clock;
  end

  always @(posedge clock)
    if (reset_n) begin
      fetched <= fetch;
      loaded  <= access;
      if (fetch) instruction <= memory[fetch_address[21:2]];
      if (access && address[31:22] == 10'h100)
        if (write) begin
          if (enable[0]) memory[address[21:2]][7:0] <= written[7:0];
          if (enable[1]) memory[address[21:2]][15:8] <= written[15:8];
          if (enable[2]) memory[address[21:2]][23:16] <= written[23:16];
          if (enable[3]) memory[address[21:2]][31:24] <= written[31:24];
        end else data <= memory[address[21:2]];
      cycle <= cycle + 1;
    end

  // Between two edges: the values of cycle BEGIN - 1 come first, and are no toggles.
  always @(negedge clock)
    if (reset_n) begin
      if (cycle == BEGIN - 1) $dumpvars(1, gates);
      if (cycle == END - 1) $finish;
    end
endmodule
