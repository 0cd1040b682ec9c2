# SPDX-License-Identifier: Apache-2.0
#
# 64 KiB that stand where a BIOS would: they read a disk into memory, as `emulate` laid it out, and
# jump to a Linux kernel at its 64-bit entry (the kernel's Documentation/x86/boot.rst). On the disk
# are, one after the other: LOW (page tables, the kernel's parameters), KERNEL, INITRD; how many
# sectors each has and where it goes is said when this is assembled. ROM is where these 64 KiB are seen.

	.code16
gdt:	.quad 0
	.quad 0x00cf9a000000ffff	# 0x08: code of 32 bits
	.quad 0x00af9a000000ffff	# 0x10: code of 64 bits, and
	.quad 0x00cf92000000ffff	# 0x18: data, where Linux wants them
gdtr:	.word . - gdt - 1
	.long ROM + gdt

start:	cli
	lgdtl %cs:gdtr
	movl %cr0, %eax
	orl $1, %eax			# protected mode
	movl %eax, %cr0
	ljmpl $0x08, $ROM + protected

	.code32
protected:
	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x7c00, %esp
	xorl %ebx, %ebx
	movl $LOW, %edi
	movl $LOW_SECTORS, %ebp
	call read
	movl $KERNEL, %edi
	movl $KERNEL_SECTORS, %ebp
	call read
	movl $INITRD, %edi
	movl $INITRD_SECTORS, %ebp
	call read
	movl $LOW, %eax
	movl %eax, %cr3
	movl $0x20, %eax		# PAE
	movl %eax, %cr4
	movl $0xc0000080, %ecx		# EFER
	rdmsr
	orl $0x100, %eax		# LME
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax		# paging, and so long mode
	movl %eax, %cr0
	ljmpl $0x10, $ROM + long

# %ebp sectors from %ebx on to %edi, from the first ATA disk; all three advance.
read:	movw $0x1f2, %dx
	movb $1, %al
	outb %al, %dx
	incw %dx
	movl %ebx, %eax
	outb %al, %dx
	incw %dx
	shrl $8, %eax
	outb %al, %dx
	incw %dx
	shrl $8, %eax
	outb %al, %dx
	incw %dx
	shrl $8, %eax
	orb $0xe0, %al			# disk 0, LBA
	outb %al, %dx
	incw %dx
	movb $0x20, %al
	outb %al, %dx
1:	inb %dx, %al
	andb $0x88, %al			# not busy, and with data
	cmpb $0x08, %al
	jne 1b
	movw $0x1f0, %dx
	movl $256, %ecx
	rep insw
	incl %ebx
	decl %ebp
	jnz read
	ret

	.code64
long:	movl $PARAMETERS, %esi
	movl $KERNEL + 0x200, %eax
	jmp *%rax

	.code16
	.org 0xfff0			# where a processor begins
	jmp start
	.org 0x10000
