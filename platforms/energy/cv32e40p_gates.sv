// CV32E40P as it is synthesised: the configuration of platform `cv32e40p`, without what a small microcontroller does not
// have (interrupts, debugger, scan). Requests are granted at once, as on the platform.

// The core never sleeps, so its clock is never gated.
module cv32e40p_clock_gate (
    input  clk_i,
    input  en_i,
    input  scan_cg_en_i,
    output clk_o
);
  assign clk_o = clk_i;
endmodule

module cv32e40p_gates (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [31:0] boot_addr_i,
    output logic        instr_req_o,
    input  logic        instr_rvalid_i,
    output logic [31:0] instr_addr_o,
    input  logic [31:0] instr_rdata_i,
    output logic        data_req_o,
    input  logic        data_rvalid_i,
    output logic        data_we_o,
    output logic [ 3:0] data_be_o,
    output logic [31:0] data_addr_o,
    output logic [31:0] data_wdata_o,
    input  logic [31:0] data_rdata_i
);
  cv32e40p_core #(
      .COREV_PULP(0),
      .FPU       (0)
  ) core (
      .clk_i,
      .rst_ni,
      .pulp_clock_en_i    (1'b1),
      .scan_cg_en_i       (1'b0),
      .boot_addr_i        (boot_addr_i + 32'h80),
      .mtvec_addr_i       (boot_addr_i),
      .dm_halt_addr_i     ('0),
      .hart_id_i          ('0),
      .dm_exception_addr_i('0),
      .instr_req_o,
      .instr_gnt_i        (1'b1),
      .instr_rvalid_i,
      .instr_addr_o,
      .instr_rdata_i,
      .data_req_o,
      .data_gnt_i         (1'b1),
      .data_rvalid_i,
      .data_we_o,
      .data_be_o,
      .data_addr_o,
      .data_wdata_o,
      .data_rdata_i,
      .apu_busy_o         (),
      .apu_req_o          (),
      .apu_gnt_i          (1'b0),
      .apu_operands_o     (),
      .apu_op_o           (),
      .apu_flags_o        (),
      .apu_rvalid_i       (1'b0),
      .apu_result_i       ('0),
      .apu_flags_i        ('0),
      .irq_i              ('0),
      .irq_ack_o          (),
      .irq_id_o           (),
      .debug_req_i        (1'b0),
      .debug_havereset_o  (),
      .debug_running_o    (),
      .debug_halted_o     (),
      .fetch_enable_i     (1'b1),
      .core_sleep_o       ()
  );
endmodule
